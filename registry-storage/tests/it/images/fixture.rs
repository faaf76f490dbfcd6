//! What the first registry writes, file by file.

use std::io::Write as _;

use flate2::Compression;
use flate2::write::GzEncoder;
use registry_core::protocol::digest::{Algorithm, Digest};

/// A file and its content.
pub(crate) type Written = (String, Vec<u8>);

/// Returns the id of the image with a number.
pub(crate) fn id(number: u8) -> String {
    format!("{number:064x}")
}

/// Returns the tar archive of a layer.
pub(crate) fn archive(number: u8) -> Vec<u8> {
    // Nobody looks into it.
    (0..20_000_u32).flat_map(|word| (word * u32::from(number + 1)).to_le_bytes()).collect()
}

pub(crate) fn sha256(content: &[u8]) -> Digest {
    Digest::of(Algorithm::Sha256, content)
}

/// Returns a layer as it is stored: the first is not compressed.
pub(crate) fn layer(number: u8) -> Vec<u8> {
    if number == 0 {
        return archive(number);
    }
    let mut encoder = GzEncoder::new(Vec::new(), Compression::fast());
    encoder.write_all(&archive(number)).expect("memory");
    encoder.finish().expect("memory")
}

/// Returns the files of an image whose ancestors have the numbers before its own.
pub(crate) fn image(number: u8) -> Vec<Written> {
    let at = |name: &str| format!("images/{}/{name}", id(number));
    let ancestry: Vec<_> = (0..=number).rev().map(id).collect();
    let parent = if number == 0 { String::new() } else { format!(r#""parent": "{}", "#, id(number - 1)) };
    let json = format!(
        r#"{{"id": "{}", {parent}"created": "2014-0{}-01T00:00:00Z", "os": "linux", "architecture": "amd64",
            "config": {{"Cmd": ["/bin/app", "{number}"]}}, "container_config": {{"Cmd": ["step", "{number}"]}}, "Size": 7}}"#,
        id(number),
        number + 1
    );
    vec![
        (at("json"), json.into_bytes()),
        (at("ancestry"), serde_json::to_vec(&ancestry).expect("texts")),
        (at("_checksum"), b"[\"sha256:x\"]".to_vec()),
        (at("layer"), layer(number)),
    ]
}

/// Returns the files of a tag.
pub(crate) fn tag(repository: &str, tag: &str, target: &str) -> Vec<Written> {
    let at = |name: &str| format!("repositories/{repository}/{name}");
    vec![
        (at(&format!("tag_{tag}")), target.as_bytes().to_vec()),
        (at(&format!("tag{tag}_json")), b"{\"last_update\": 1}".to_vec()),
        (at("_index_images"), b"[]".to_vec()),
        (at("json"), b"{}".to_vec()),
    ]
}

/// Returns a registry of two repositories that share images.
pub(crate) fn registry() -> Vec<Written> {
    let images = (0..3).flat_map(image);
    let tags = [("library/ubuntu", "14.04", 1), ("library/ubuntu", "latest", 1), ("team/app", "v1", 2)];
    images.chain(tags.into_iter().flat_map(|(name, name_of_tag, number)| tag(name, name_of_tag, &id(number)))).collect()
}
