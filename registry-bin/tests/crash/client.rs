//! One client: random pushes, mounts, moves and deletes in repositories that it alone uses, and in a shared one.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::Mutex,
};

use anyhow::anyhow;

use crate::{
    ledger::{Ending, Manifest, Presence, Repository, Upload},
    rig::{
        digest,
        http::{Body, Connection, Response, Stop},
        random::Random,
    },
    shared::Shared,
};

pub(crate) const MANIFEST: &str = "application/vnd.oci.image.manifest.v1+json";
const OCTETS: (&str, &str) = ("Content-Type", "application/octet-stream");

/// Does an operation in one of the client's repositories; says whether there was something to do.
type Operation = fn(&mut Client, at: usize, shared: &Mutex<Shared>) -> Result<bool, Stop>;

/// Every operation, with its share of all.
pub(crate) const OPERATIONS: [(&str, usize, Operation); 14] = [
    ("push by POST and PUT", 3, |client, at, _| client.push_in_two_steps(at)),
    ("push by one POST", 1, |client, at, _| client.push_in_one_step(at)),
    ("push in chunks", 4, |client, at, _| client.push_in_chunks(at)),
    ("push as a stream", 1, |client, at, _| client.push_as_stream(at)),
    ("push again", 1, |client, at, _| client.push_again(at)),
    ("push to the shared repository", 1, |client, _, shared| client.push_shared(shared)),
    ("mount", 2, |client, at, _| client.mount(at)),
    ("push a manifest by tag", 2, |client, at, _| client.push_manifest_by_tag(at)),
    ("push a manifest by digest", 1, |client, at, _| client.push_manifest_by_digest(at)),
    ("move a tag", 1, |client, at, _| client.move_tag(at)),
    ("delete a tag", 1, |client, at, _| client.delete_tag(at)),
    ("delete a manifest", 1, |client, at, _| client.delete_manifest(at)),
    ("delete a blob", 1, |client, at, _| client.delete_blob(at)),
    ("cancel an upload", 1, |client, at, _| client.cancel_upload(at)),
];

#[derive(Debug)]
pub(crate) struct Client {
    pub(crate) random: Random,
    pub(crate) connection: Connection,
    pub(crate) repositories: [Repository; 2],
    /// The session that is or was under way.
    pub(crate) upload: Option<Upload>,
    /// How often each operation was acknowledged.
    pub(crate) counts: BTreeMap<&'static str, u64>,
    number: usize,
    /// Numbers this client's manifests, so that no two are equal.
    manifests: u64,
    blob_sizes: BTreeMap<String, usize>,
}

impl Client {
    pub(crate) fn new(number: usize, random: Random, connection: Connection) -> Self {
        let repository = |name| Repository::new(format!("crash/{number}/{name}"));
        Self {
            random,
            connection,
            repositories: [repository("one"), repository("two")],
            upload: None,
            counts: BTreeMap::new(),
            number,
            manifests: 0,
            blob_sizes: BTreeMap::new(),
        }
    }

    /// Works until the server is killed, without the operations that are named.
    ///
    /// # Errors
    ///
    /// When the server answers what it must not answer.
    pub(crate) fn run(&mut self, shared: &Mutex<Shared>, without: &BTreeSet<String>) -> anyhow::Result<()> {
        let weighted: Vec<_> = OPERATIONS
            .iter()
            .filter(|(name, ..)| !without.contains(*name))
            .flat_map(|(name, share, operation)| std::iter::repeat_n((*name, *operation), *share))
            .collect();
        loop {
            let (name, operation) = weighted[self.random.below(weighted.len())];
            let at = self.random.below(self.repositories.len());
            match operation(self, at, shared) {
                Ok(true) => *self.counts.entry(name).or_default() += 1,
                Ok(false) => {}
                Err(Stop::Killed) => return Ok(()),
                Err(Stop::Failed(error)) => return Err(error.context(format!("client {}: {name}", self.number))),
            }
        }
    }

    fn push_in_two_steps(&mut self, at: usize) -> Result<bool, Stop> {
        let bytes = self.random.blob();
        self.start_upload(at, bytes)?;
        self.commit(0)?;
        Ok(true)
    }

    fn push_in_one_step(&mut self, at: usize) -> Result<bool, Stop> {
        let bytes = self.random.blob();
        let digest = digest(&bytes);
        self.blob_sizes.insert(digest.clone(), bytes.len());
        let repository = &mut self.repositories[at];
        repository.begin_blob(&digest, Presence::Present);
        let target = format!("/v2/{}/blobs/uploads/?digest={digest}", repository.name);
        expect(&self.connection.send("POST", &target, &[OCTETS], Body::Sized(&bytes))?, 201, &target)?;
        repository.end_blob(&digest, Presence::Present);
        Ok(true)
    }

    fn push_in_chunks(&mut self, at: usize) -> Result<bool, Stop> {
        let bytes = self.random.blob();
        let length = bytes.len();
        self.start_upload(at, bytes)?;
        let mut end = 0;
        for _ in 0..=self.random.below(4) {
            if end < length {
                end += 1 + self.random.below(length - end);
                self.patch(end)?;
            }
        }
        self.commit(end)?;
        Ok(true)
    }

    fn push_as_stream(&mut self, at: usize) -> Result<bool, Stop> {
        let bytes = self.random.blob();
        let length = bytes.len();
        self.start_upload(at, bytes)?;
        let upload = self.upload.as_mut().expect("a session was started");
        upload.sent = length;
        let answer = self.connection.send("PATCH", &upload.location, &[OCTETS], Body::Streamed(&upload.bytes))?;
        expect(&answer, 202, &upload.location)?;
        upload.acknowledged = length;
        upload.location = answer.location()?;
        self.commit(length)?;
        Ok(true)
    }

    /// Pushes a blob that is there, or was; the other repository may still have its bytes.
    fn push_again(&mut self, at: usize) -> Result<bool, Stop> {
        let known = self.repositories[at].blobs.keys().cloned().collect::<Vec<_>>();
        let Some(digest) = self.random.pick(&known) else { return Ok(false) };
        let Some(holder) = self.repositories.iter().find(|repository| repository.has_blob(digest)) else {
            return Ok(false);
        };
        let target = format!("/v2/{}/blobs/{digest}", holder.name);
        let answer = self.connection.get(&target)?;
        expect(&answer, 200, &target)?;
        self.start_upload(at, answer.body)?;
        self.commit(0)?;
        Ok(true)
    }

    /// Pushes a blob that others push at the same time, and moves the tag that all move.
    fn push_shared(&mut self, shared: &Mutex<Shared>) -> Result<bool, Stop> {
        let bytes = Random::new(self.random.next() % 64).blob();
        let config = digest(&bytes);
        self.blob_sizes.insert(config.clone(), bytes.len());
        let manifest = self.new_manifest(vec![config]);
        Shared::push(shared, &mut self.connection, &bytes, &manifest)?;
        Ok(true)
    }

    fn cancel_upload(&mut self, at: usize) -> Result<bool, Stop> {
        let bytes = self.random.blob();
        let half = bytes.len() / 2;
        self.start_upload(at, bytes)?;
        if half > 0 {
            self.patch(half)?;
        }
        self.cancel()?;
        Ok(true)
    }

    fn start_upload(&mut self, at: usize, bytes: Vec<u8>) -> Result<(), Stop> {
        let target = format!("/v2/{}/blobs/uploads/", self.repositories[at].name);
        let answer = self.connection.send("POST", &target, &[], Body::Sized(&[]))?;
        expect(&answer, 202, &target)?;
        let location = answer.location()?;
        self.upload = Some(Upload { repository: at, location, bytes, acknowledged: 0, sent: 0, ending: None });
        Ok(())
    }

    /// Sends the bytes of the session up to `end` as one chunk.
    pub(crate) fn patch(&mut self, end: usize) -> Result<(), Stop> {
        let upload = self.upload.as_mut().expect("a session is under way");
        let start = upload.acknowledged;
        upload.sent = end;
        let range = format!("{start}-{}", end - 1);
        let headers = [OCTETS, ("Content-Range", range.as_str())];
        let chunk = Body::Sized(&upload.bytes[start..end]);
        let answer = self.connection.send("PATCH", &upload.location, &headers, chunk)?;
        expect(&answer, 202, &upload.location)?;
        upload.acknowledged = end;
        upload.location = answer.location()?;
        Ok(())
    }

    /// Ends the session with its digest and with the bytes from `start` on.
    pub(crate) fn commit(&mut self, start: usize) -> Result<(), Stop> {
        let upload = self.upload.as_mut().expect("a session is under way");
        let digest = digest(&upload.bytes);
        self.blob_sizes.insert(digest.clone(), upload.bytes.len());
        let repository = &mut self.repositories[upload.repository];
        repository.begin_blob(&digest, Presence::Present);
        upload.sent = upload.bytes.len();
        upload.ending = Some(Ending::Commit);
        let separator = if upload.location.contains('?') { '&' } else { '?' };
        let target = format!("{}{separator}digest={digest}", upload.location);
        let answer = self.connection.send("PUT", &target, &[OCTETS], Body::Sized(&upload.bytes[start..]))?;
        expect(&answer, 201, &target)?;
        repository.end_blob(&digest, Presence::Present);
        self.upload = None;
        Ok(())
    }

    /// Ends the session without a blob.
    pub(crate) fn cancel(&mut self) -> Result<(), Stop> {
        let upload = self.upload.as_mut().expect("a session is under way");
        upload.ending = Some(Ending::Cancel);
        expect(&self.connection.delete(&upload.location)?, 204, &upload.location)?;
        self.upload = None;
        Ok(())
    }

    fn mount(&mut self, at: usize) -> Result<bool, Stop> {
        let from = 1 - at;
        let present = self.repositories[from].present_blobs();
        let Some(digest) = self.random.pick(&present) else { return Ok(false) };
        let (to, from) = (&self.repositories[at].name, &self.repositories[from].name);
        let target = format!("/v2/{to}/blobs/uploads/?mount={digest}&from={from}");
        self.repositories[at].begin_blob(digest, Presence::Present);
        expect(&self.connection.send("POST", &target, &[], Body::Sized(&[]))?, 201, &target)?;
        self.repositories[at].end_blob(digest, Presence::Present);
        Ok(true)
    }

    fn push_manifest_by_tag(&mut self, at: usize) -> Result<bool, Stop> {
        let tag = format!("t{}", self.random.below(6));
        self.push_manifest(at, Some(&tag))
    }

    fn push_manifest_by_digest(&mut self, at: usize) -> Result<bool, Stop> {
        self.push_manifest(at, None)
    }

    fn push_manifest(&mut self, at: usize, tag: Option<&str>) -> Result<bool, Stop> {
        let present = self.repositories[at].present_blobs();
        let blobs: Vec<_> = (0..=self.random.below(3)).filter_map(|_| self.random.pick(&present).cloned()).collect();
        if blobs.is_empty() {
            return Ok(false);
        }
        let manifest = self.new_manifest(blobs);
        self.put_manifest(at, &manifest, tag)
    }

    fn move_tag(&mut self, at: usize) -> Result<bool, Stop> {
        let manifests = self.repositories[at].present_manifests();
        let tags = self.repositories[at].present_tags();
        let (Some(manifest), Some(tag)) = (self.random.pick(&manifests), self.random.pick(&tags)) else {
            return Ok(false);
        };
        self.put_manifest(at, manifest, Some(tag))
    }

    fn put_manifest(&mut self, at: usize, manifest: &Manifest, tag: Option<&str>) -> Result<bool, Stop> {
        let repository = &mut self.repositories[at];
        let target = format!("/v2/{}/manifests/{}", repository.name, tag.unwrap_or(&manifest.digest));
        repository.begin_manifest(manifest, tag);
        let headers = [("Content-Type", MANIFEST)];
        expect(&self.connection.send("PUT", &target, &headers, Body::Sized(&manifest.bytes))?, 201, &target)?;
        repository.end_manifest(manifest, tag);
        Ok(true)
    }

    fn delete_tag(&mut self, at: usize) -> Result<bool, Stop> {
        let repository = &mut self.repositories[at];
        let tags = repository.present_tags();
        let Some(tag) = self.random.pick(&tags) else { return Ok(false) };
        repository.begin_tag_delete(tag);
        let target = format!("/v2/{}/manifests/{tag}", repository.name);
        expect(&self.connection.delete(&target)?, 202, &target)?;
        repository.end_tag_delete(tag);
        Ok(true)
    }

    fn delete_manifest(&mut self, at: usize) -> Result<bool, Stop> {
        let repository = &mut self.repositories[at];
        let manifests = repository.present_manifests();
        let Some(Manifest { digest, .. }) = self.random.pick(&manifests) else { return Ok(false) };
        repository.begin_manifest_delete(digest);
        let target = format!("/v2/{}/manifests/{digest}", repository.name);
        expect(&self.connection.delete(&target)?, 202, &target)?;
        repository.end_manifest_delete(digest);
        Ok(true)
    }

    /// Deletes a blob that no manifest needs, so that every manifest that is there stays complete.
    fn delete_blob(&mut self, at: usize) -> Result<bool, Stop> {
        let repository = &mut self.repositories[at];
        let unreferenced = repository.unreferenced_blobs();
        let Some(digest) = self.random.pick(&unreferenced) else { return Ok(false) };
        repository.begin_blob(digest, Presence::Absent);
        let target = format!("/v2/{}/blobs/{digest}", repository.name);
        expect(&self.connection.delete(&target)?, 202, &target)?;
        repository.end_blob(digest, Presence::Absent);
        Ok(true)
    }

    /// Makes a manifest of a configuration, the first of the blobs, and layers.
    fn new_manifest(&mut self, blobs: Vec<String>) -> Manifest {
        self.manifests += 1;
        let descriptors: Vec<_> = blobs
            .iter()
            .map(|digest| {
                let size = self.blob_sizes[digest];
                serde_json::json!({ "mediaType": "application/octet-stream", "digest": digest, "size": size })
            })
            .collect();
        let document = serde_json::json!({
            "schemaVersion": 2,
            "mediaType": MANIFEST,
            "config": descriptors[0],
            "layers": descriptors[1..],
            "annotations": { "client": self.number.to_string(), "number": self.manifests.to_string() },
        });
        let bytes = document.to_string().into_bytes();
        Manifest { digest: digest(&bytes), bytes, blobs }
    }
}

/// Fails unless the answer has the status that the specification asks for.
pub(crate) fn expect(answer: &Response, status: u16, target: &str) -> Result<(), Stop> {
    if answer.status == status {
        return Ok(());
    }
    let body = String::from_utf8_lossy(&answer.body);
    Err(Stop::Failed(anyhow!("{target} was answered with {}, not {status}: {body}", answer.status)))
}
