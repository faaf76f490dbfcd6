//! What a client does: pushes, pulls, and looking at what it gets. Source: OCI distribution-spec 1.1.

use std::fs;
use std::io;
use std::path::Path;

use crate::content::{Blob, Comparison, Image, MANIFEST_TYPE, Manifest};
use crate::http::Connection;
use crate::peer::Kind;
use crate::server::Server;

const OCTETS: (&str, &str) = ("Content-Type", "application/octet-stream");
const ACCEPT: (&str, &str) = ("Accept", MANIFEST_TYPE);

/// Pushes a blob: a POST, then a single PUT.
///
/// # Errors
/// If the server does not take it.
pub(crate) fn push_blob(connection: &mut Connection, repository: &str, blob: &Blob) -> io::Result<()> {
    let path = format!("/v2/{repository}/blobs/uploads/");
    let answer = connection.call("POST", &path, &[], &[])?.expect(202, "the POST of an upload")?;
    let location = answer.location_path()?;
    let separator = if location.contains('?') { '&' } else { '?' };
    let path = format!("{location}{separator}digest={}", blob.digest);
    connection.call("PUT", &path, &[OCTETS], &blob.parts())?.expect(201, "the PUT of a blob")?;
    Ok(())
}

/// Pushes a manifest by tag.
///
/// # Errors
/// If the server does not take it.
pub(crate) fn push_manifest(
    connection: &mut Connection,
    repository: &str,
    tag: &str,
    manifest: &Manifest,
) -> io::Result<()> {
    let path = format!("/v2/{repository}/manifests/{tag}");
    let headers = [("Content-Type", MANIFEST_TYPE)];
    connection.call("PUT", &path, &headers, &[&manifest.bytes])?.expect(201, "the PUT of a manifest")?;
    Ok(())
}

/// Pushes an image as clients do: each blob is asked for first.
///
/// # Errors
/// If the server has a blob already or does not take something.
pub(crate) fn push_image(connection: &mut Connection, repository: &str, tag: &str, image: &Image) -> io::Result<()> {
    for blob in [&image.config, &image.layer] {
        let path = blob_path(repository, blob);
        connection.get("HEAD", &path, &[], &mut |_| {})?.expect(404, "the HEAD of a new blob")?;
        push_blob(connection, repository, blob)?;
    }
    push_manifest(connection, repository, tag, &image.manifest)
}

/// Pulls a blob and drops its bytes; only their number is checked.
///
/// # Errors
/// If it does not come.
pub(crate) fn pull_blob(connection: &mut Connection, repository: &str, blob: &Blob) -> io::Result<()> {
    let mut len = 0;
    let path = blob_path(repository, blob);
    connection.get("GET", &path, &[], &mut |piece| len += piece.len())?.expect(200, "the GET of a blob")?;
    if len != blob.len() {
        let text = format!("{path} has {len} bytes, expected {}", blob.len());
        return Err(io::Error::new(io::ErrorKind::InvalidData, text));
    }
    Ok(())
}

/// Pulls a blob and compares every byte.
///
/// # Errors
/// If it is not what was pushed.
pub(crate) fn check_blob(connection: &mut Connection, repository: &str, blob: &Blob) -> io::Result<()> {
    let mut comparison = blob.comparison();
    let path = blob_path(repository, blob);
    connection.get("GET", &path, &[], &mut |piece| comparison.update(piece))?.expect(200, "the GET of a blob")?;
    comparison.finish(&path)
}

/// Pulls a manifest and compares every byte.
///
/// # Errors
/// If it is not what was pushed.
pub(crate) fn check_manifest(
    connection: &mut Connection,
    repository: &str,
    tag: &str,
    manifest: &Manifest,
) -> io::Result<()> {
    let mut comparison = Comparison::with(&manifest.bytes);
    let path = format!("/v2/{repository}/manifests/{tag}");
    let answer = connection.get("GET", &path, &[ACCEPT], &mut |piece| comparison.update(piece))?;
    answer.expect(200, "the GET of a manifest")?;
    comparison.finish(&path)
}

/// Pulls an image and compares every byte.
///
/// # Errors
/// If it is not what was pushed.
pub(crate) fn check_image(connection: &mut Connection, repository: &str, tag: &str, image: &Image) -> io::Result<()> {
    check_blob(connection, repository, &image.config)?;
    check_blob(connection, repository, &image.layer)?;
    check_manifest(connection, repository, tag, &image.manifest)
}

/// Brings a blob to a server: by a push, or as the file that a server of files answers with.
///
/// # Errors
/// If it cannot be brought there.
pub(crate) fn place_blob(
    server: &Server,
    connection: &mut Connection,
    repository: &str,
    blob: &Blob,
) -> io::Result<()> {
    if server.peer.kind == Kind::Nginx {
        return write(&server.data(), &blob_path(repository, blob), &blob.parts().concat());
    }
    push_blob(connection, repository, blob)
}

/// Brings a manifest to a server, as [`place_blob`] does a blob.
///
/// # Errors
/// If it cannot be brought there.
pub(crate) fn place_manifest(
    server: &Server,
    connection: &mut Connection,
    repository: &str,
    tag: &str,
    manifest: &Manifest,
) -> io::Result<()> {
    if server.peer.kind == Kind::Nginx {
        return write(&server.data(), &format!("/v2/{repository}/manifests/{tag}"), &manifest.bytes);
    }
    push_manifest(connection, repository, tag, manifest)
}

/// Returns where a blob is.
pub(crate) fn blob_path(repository: &str, blob: &Blob) -> String {
    format!("/v2/{repository}/blobs/{}", blob.digest)
}

fn write(root: &Path, path: &str, bytes: &[u8]) -> io::Result<()> {
    let file = root.join(path.trim_start_matches('/'));
    fs::create_dir_all(file.parent().unwrap_or(root))?;
    fs::write(file, bytes)
}
