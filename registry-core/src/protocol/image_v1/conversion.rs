//! From images of the first registry to one of today, as Docker itself made them when it pulled from such a registry.
//!
//! Each image becomes a layer and an entry of the history; the description of the outermost, without what it said of its
//! place among the others, becomes the configuration. Source: moby, `image/v1/imagev1.go`.

use std::collections::BTreeMap;

use bytes::Bytes;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value, json};

use super::{ImageError, ImageId};
use crate::protocol::descriptor::Descriptor;
use crate::protocol::digest::{Algorithm, Digest};
use crate::protocol::media_type::{DOCKER_CONFIG, DOCKER_LAYER, DOCKER_LAYER_GZIP, DOCKER_MANIFEST};

/// What a description says of the image's place among others, which is elsewhere today.
const OF_THE_FIRST_REGISTRY: [&str; 6] = ["id", "parent", "Size", "parent_id", "layer_id", "throwaway"];

/// What is known of a layer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ImageLayer {
    /// The digest of the layer as it is stored.
    pub digest: Digest,
    /// The digest of the tar archive in it.
    pub diff_id: Digest,
    /// How many bytes are stored.
    pub size_bytes: u64,
    /// Whether the archive is compressed by gzip. Otherwise it is not compressed.
    pub is_gzip: bool,
}

/// An image of today.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Converted {
    /// The image's configuration.
    pub config: Bytes,
    /// The manifest, which refers to the configuration and to the layers.
    pub manifest: Bytes,
}

/// What is looked at in a description.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct Description {
    created: Option<String>,
    author: Option<String>,
    comment: Option<String>,
    container_config: Option<ContainerConfig>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct ContainerConfig {
    #[serde(rename = "Cmd")]
    command: Option<Vec<String>>,
}

#[derive(Debug, Serialize)]
struct History {
    #[serde(skip_serializing_if = "Option::is_none")]
    created: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    author: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    created_by: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    comment: Option<String>,
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct Manifest {
    schema_version: u8,
    media_type: &'static str,
    config: Descriptor,
    layers: Vec<Descriptor>,
}

/// Makes an image of images with their descriptions and layers, the root first. There is at least one.
///
/// # Errors
/// If a description is not valid.
pub fn convert(images: &[(ImageId, Bytes, ImageLayer)]) -> Result<Converted, ImageError> {
    let mut history = Vec::with_capacity(images.len());
    let mut config = Map::new();
    for (id, description, _) in images {
        let invalid = |source| ImageError::Description { id: id.clone(), source };
        history.push(history_of(serde_json::from_slice(description).map_err(invalid)?));
        config = serde_json::from_slice(description).map_err(invalid)?;
    }
    config.retain(|key, _| !OF_THE_FIRST_REGISTRY.contains(&key.as_str()));
    for (key, default) in [("architecture", "amd64"), ("os", "linux")] {
        let value = config.entry(key).or_insert(Value::Null);
        if value.as_str().is_none_or(str::is_empty) {
            *value = default.into();
        }
    }
    let diff_ids: Vec<_> = images.iter().map(|(.., layer)| layer.diff_id.to_string()).collect();
    config.insert("rootfs".to_owned(), json!({"type": "layers", "diff_ids": diff_ids}));
    config.insert("history".to_owned(), json!(history));
    let config = Bytes::from(Value::Object(config).to_string());
    let layers = images.iter().map(|(.., layer)| {
        let media_type = if layer.is_gzip { DOCKER_LAYER_GZIP } else { DOCKER_LAYER };
        descriptor(media_type, layer.digest, layer.size_bytes)
    });
    let manifest = Manifest {
        schema_version: 2,
        media_type: DOCKER_MANIFEST,
        config: descriptor(DOCKER_CONFIG, Digest::of(Algorithm::Sha256, &config), config.len() as u64),
        layers: layers.collect(),
    };
    Ok(Converted { config, manifest: json!(manifest).to_string().into() })
}

fn history_of(description: Description) -> History {
    let some = |text: Option<String>| text.filter(|text| !text.is_empty());
    let command = description.container_config.and_then(|container| container.command);
    History {
        created: some(description.created),
        author: some(description.author),
        created_by: some(command.map(|words| words.join(" "))),
        comment: some(description.comment),
    }
}

fn descriptor(media_type: &str, digest: Digest, size: u64) -> Descriptor {
    Descriptor {
        media_type: media_type.to_owned(),
        digest,
        size,
        urls: Vec::new(),
        annotations: BTreeMap::new(),
        data: None,
        platform: None,
        artifact_type: None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::protocol::manifest;

    fn image(id: char, description: &'static str, content: &str, is_gzip: bool) -> (ImageId, Bytes, ImageLayer) {
        let digest = |text: &str| Digest::of(Algorithm::Sha256, text.as_bytes());
        let (digest, diff_id) = (digest(content), digest(&format!("{content} unpacked")));
        let layer = ImageLayer { digest, diff_id, size_bytes: content.len() as u64, is_gzip };
        (id.to_string().repeat(64).parse().unwrap(), description.into(), layer)
    }

    #[test]
    fn an_image_is_made_of_its_ancestors() {
        let images = [
            image('a', r#"{"id": "a", "created": "2014-01-01T00:00:00Z", "comment": "root", "Size": 7}"#, "one", false),
            image(
                'b',
                r#"{"id": "b", "parent": "a", "created": "2014-01-02T00:00:00Z", "author": "me", "Size": 0, "os": "linux",
                    "architecture": "arm", "config": {"Cmd": ["/bin/sh"]}, "container_config": {"Cmd": ["/bin/sh", "-c", "x"]}}"#,
                "two",
                true,
            ),
        ];
        let converted = convert(&images).unwrap();
        let config: Value = serde_json::from_slice(&converted.config).unwrap();
        assert_eq!(
            config,
            json!({
                "architecture": "arm",
                "author": "me",
                "config": {"Cmd": ["/bin/sh"]},
                "container_config": {"Cmd": ["/bin/sh", "-c", "x"]},
                "created": "2014-01-02T00:00:00Z",
                "history": [
                    {"created": "2014-01-01T00:00:00Z", "comment": "root"},
                    {"created": "2014-01-02T00:00:00Z", "author": "me", "created_by": "/bin/sh -c x"},
                ],
                "os": "linux",
                "rootfs": {"type": "layers", "diff_ids": [images[0].2.diff_id.to_string(), images[1].2.diff_id.to_string()]},
            })
        );
        let parsed = manifest::Manifest::parse(None, &converted.manifest).unwrap();
        assert_eq!(parsed.media_type(), DOCKER_MANIFEST);
        assert_eq!(parsed.config().unwrap().digest, Digest::of(Algorithm::Sha256, &converted.config));
        let layers: Vec<_> = parsed.layers().iter().map(|layer| (layer.digest, layer.media_type.as_str())).collect();
        assert_eq!(layers, [(images[0].2.digest, DOCKER_LAYER), (images[1].2.digest, DOCKER_LAYER_GZIP)]);
    }

    #[test]
    fn what_was_not_said_is_what_the_first_registry_took() {
        let converted = convert(&[image('a', r#"{"os": ""}"#, "one", false)]).unwrap();
        let config: Value = serde_json::from_slice(&converted.config).unwrap();
        assert_eq!((&config["architecture"], &config["os"]), (&json!("amd64"), &json!("linux")));
        for text in ["", "[]", r#"{"container_config": 1}"#] {
            let images = [image('a', "{}", "one", false), (image('b', text, "two", false))];
            let error = convert(&images).unwrap_err().to_string();
            assert_eq!(error, format!("the description of image `{}` is not valid JSON", "b".repeat(64)));
        }
    }
}
