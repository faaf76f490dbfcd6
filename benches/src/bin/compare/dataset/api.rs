//! The sets as a client pushes them, on many connections at once.

use std::io;
use std::net::SocketAddr;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;

use super::{Catalog, Object, TagSet, config, layer};
use crate::content::MANIFEST_TYPE;
use crate::http::Connection;

/// How many connections push at once. Pushes wait for the disk, and waits can be shared.
const CONNECTIONS: usize = 16;

/// How many tags are set by one push of a manifest. Its answer repeats each in a header, and the client reads no more
/// than 64 of those.
const TAGS_AT_ONCE: usize = 48;

/// The media type of the manifest that makes a repository without any blob.
const INDEX_TYPE: &str = "application/vnd.oci.image.index.v1+json";

/// Pushes a repository with its tags, many tags with one manifest where they share it: for a server that takes the
/// parameter `tag` of distribution-spec's draft.
///
/// # Errors
/// If a connection fails or a push is refused.
pub(crate) fn push_tags(address: SocketAddr, set: &TagSet) -> io::Result<()> {
    push_blobs(address, &set.repository)?;
    let own: Vec<_> = (0..set.own()).collect();
    in_parallel(address, &own, |connection, number| {
        put_manifest(connection, &set.repository, &TagSet::tag(*number), MANIFEST_TYPE, &TagSet::own_manifest(*number))
    })?;
    let shared = TagSet::shared_manifest();
    let numbers: Vec<_> = (set.own()..set.tags).collect();
    let batches: Vec<_> = numbers.chunks(TAGS_AT_ONCE).collect();
    in_parallel(address, &batches, |connection, batch| {
        let tags: Vec<_> = batch.iter().map(|number| format!("tag={}", TagSet::tag(*number))).collect();
        let reference = format!("{}?{}", shared.digest, tags.join("&"));
        put_manifest(connection, &set.repository, &reference, MANIFEST_TYPE, &shared)
    })
}

/// Pushes the repositories, each with an empty index, tagged `latest`: one request makes one.
///
/// # Errors
/// If a connection fails or a push is refused.
pub(crate) fn push_catalog(address: SocketAddr, catalog: Catalog) -> io::Result<()> {
    let index = Object::new(format!(r#"{{"schemaVersion":2,"mediaType":"{INDEX_TYPE}","manifests":[]}}"#));
    let names: Vec<_> = catalog.names().collect();
    in_parallel(address, &names, |connection, name| put_manifest(connection, name, "latest", INDEX_TYPE, &index))
}

/// Pushes the blobs that all manifests refer to.
fn push_blobs(address: SocketAddr, repository: &str) -> io::Result<()> {
    let mut connection = Connection::open(address, None)?;
    for blob in [config(), layer()] {
        let begun = connection
            .call("POST", &format!("/v2/{repository}/blobs/uploads/"), &[], &[])?
            .expect(202, "the start of an upload")?;
        let location = begun.location_path()?;
        let separator = if location.contains('?') { '&' } else { '?' };
        let path = format!("{location}{separator}digest={}", blob.digest);
        let headers = [("Content-Type", "application/octet-stream")];
        connection.call("PUT", &path, &headers, &[&blob.bytes])?.expect(201, "the end of an upload")?;
    }
    Ok(())
}

/// Pushes a manifest.
///
/// # Errors
/// If the connection fails or the push is refused.
pub(crate) fn put_manifest(
    connection: &mut Connection,
    repository: &str,
    reference: &str,
    media_type: &str,
    manifest: &Object,
) -> io::Result<()> {
    let path = format!("/v2/{repository}/manifests/{reference}");
    let headers = [("Content-Type", media_type)];
    connection.call("PUT", &path, &headers, &[&manifest.bytes])?.expect(201, "the push of a manifest")?;
    Ok(())
}

/// Does something for every item, each on one of several connections. Stops at the first failure.
fn in_parallel<T: Sync>(
    address: SocketAddr,
    items: &[T],
    act: impl Fn(&mut Connection, &T) -> io::Result<()> + Sync,
) -> io::Result<()> {
    let next = AtomicUsize::new(0);
    let work = || {
        let mut connection = Connection::open(address, None)?;
        while let Some(item) = items.get(next.fetch_add(1, Ordering::Relaxed)) {
            act(&mut connection, item).inspect_err(|_| next.store(items.len(), Ordering::Relaxed))?;
        }
        Ok(())
    };
    thread::scope(|scope| {
        let workers: Vec<_> = (0..CONNECTIONS.min(items.len())).map(|_| scope.spawn(work)).collect();
        workers.into_iter().try_for_each(|worker| worker.join().map_err(|_| io::Error::other("a thread panicked"))?)
    })
}
