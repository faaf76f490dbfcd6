//! One client: pushes, moves, pulls and deletes what the others push, move, pull and delete at the same time, and sends each
//! request to any of the registries.

use std::{
    collections::BTreeMap,
    sync::atomic::{AtomicBool, Ordering},
    thread,
    time::Duration,
};

use anyhow::{anyhow, ensure};

use crate::{
    register::{Action, Value},
    rig::{
        digest,
        http::{Body, Connection, Response, Stop},
        random::Random,
    },
    world::{Begun, Manifest, REPOSITORIES, Since, Tag, World, is_exact},
};

const IMAGE: &str = "application/vnd.oci.image.manifest.v1+json";
const INDEX: &str = "application/vnd.oci.image.index.v1+json";
const ACCEPT: (&str, &str) =
    ("Accept", "application/vnd.oci.image.manifest.v1+json, application/vnd.oci.image.index.v1+json");
const OCTETS: (&str, &str) = ("Content-Type", "application/octet-stream");
const NOTHING: Body<'_> = Body::Sized(&[]);

/// Says whether there was something to do.
type Deed = fn(&mut Client, world: &World) -> Result<bool, Stop>;

/// Everything that clients do, with its share.
pub(crate) const DEEDS: [(&str, usize, Deed); 10] = [
    ("push an image", 6, Client::push_image),
    ("push an index", 2, Client::push_index),
    ("push a referrer", 1, Client::push_referrer),
    ("push an image again", 2, Client::push_again),
    ("push blobs and stop", 1, Client::push_and_stop),
    ("push and delete a blob", 1, Client::push_and_delete_blob),
    ("pull", 4, Client::pull),
    ("rely on a HEAD", 2, Client::rely_on_head),
    ("delete a tag", 3, Client::delete_tag),
    ("delete a manifest", 1, Client::delete_manifest),
];

#[derive(Debug)]
pub(crate) struct Client {
    random: Random,
    connections: Vec<Connection>,
    number: usize,
    /// Numbers this client's manifests, so that no two are equal.
    manifests: u64,
    /// How often each deed was done to its end.
    pub(crate) counts: BTreeMap<&'static str, u64>,
}

impl Client {
    pub(crate) fn new(number: usize, random: Random) -> Self {
        Self { random, connections: Vec::new(), number, manifests: 0, counts: BTreeMap::new() }
    }

    /// Has the client use these registries.
    pub(crate) fn connect(&mut self, connections: Vec<Connection>) {
        self.connections = connections;
    }

    /// Works until told to stop, through every kill.
    ///
    /// # Errors
    ///
    /// When a registry does what it must not do.
    pub(crate) fn run(&mut self, world: &World, stop: &AtomicBool) -> anyhow::Result<()> {
        let weighted: Vec<_> =
            DEEDS.iter().flat_map(|(name, share, deed)| std::iter::repeat_n((*name, *deed), *share)).collect();
        while !stop.load(Ordering::SeqCst) {
            let (name, deed) = weighted[self.random.below(weighted.len())];
            match deed(self, world) {
                Ok(true) => *self.counts.entry(name).or_default() += 1,
                Ok(false) => {}
                // It may be the only registry.
                Err(Stop::Killed) => thread::sleep(Duration::from_millis(5)),
                Err(Stop::Failed(error)) => return Err(error.context(format!("client {}: {name}", self.number))),
            }
        }
        Ok(())
    }

    fn push_image(&mut self, world: &World) -> Result<bool, Stop> {
        let (tag, since) = (Tag::random(&mut self.random), Since::now());
        let blobs = self.push_blobs(world, tag.repository)?;
        let image = self.image(blobs, None);
        self.put(world, tag, Some(tag), &image, Some(since))
    }

    fn push_index(&mut self, world: &World) -> Result<bool, Stop> {
        let (tag, since) = (Tag::random(&mut self.random), Since::now());
        let mut children = Vec::new();
        for _ in 0..=self.random.below(2) {
            let blobs = self.push_blobs(world, tag.repository)?;
            let child = self.image(blobs, None);
            if !self.put(world, tag, None, &child, Some(since))? {
                return Ok(false);
            }
            children.push(child);
        }
        let index = self.index(&children);
        self.put(world, tag, Some(tag), &index, Some(since))
    }

    fn push_referrer(&mut self, world: &World) -> Result<bool, Stop> {
        let (tag, since) = (Tag::random(&mut self.random), Since::now());
        let Some(subject) = self.read(world, tag)? else { return Ok(false) };
        let blobs = self.push_blobs(world, tag.repository)?;
        let referrer = self.image(blobs, Some(&world.manifest(tag.repository, &subject)?));
        self.put(world, tag, None, &referrer, Some(since))
    }

    /// Pushes a manifest that may be gone, as its blobs may be.
    fn push_again(&mut self, world: &World) -> Result<bool, Stop> {
        let tag = Tag::random(&mut self.random);
        let Some(manifest) = world.any_tagged(tag.repository, &mut self.random) else { return Ok(false) };
        self.put(world, tag, Some(tag), &manifest, None)
    }

    fn push_and_stop(&mut self, world: &World) -> Result<bool, Stop> {
        let repository = self.random.below(REPOSITORIES.len());
        self.push_blobs(world, repository)?;
        let target = format!("/v2/{}/blobs/uploads/", REPOSITORIES[repository]);
        let answer = self.send("POST", &target, &[], NOTHING)?;
        let location = expect(&answer, &[202], &target).and_then(|()| answer.location())?;
        let half = self.random.blob();
        let answer = self.send("PATCH", &location, &[OCTETS], Body::Streamed(&half))?;
        self.expect_of_upload(&answer, 202, &location)?;
        Ok(true)
    }

    /// Pushes a blob that no other client knows of and no manifest needs.
    fn push_and_delete_blob(&mut self, world: &World) -> Result<bool, Stop> {
        let repository = self.random.below(REPOSITORIES.len());
        let bytes = self.random.blob();
        let digest = self.push_blob(world, repository, &bytes)?;
        let target = format!("/v2/{}/blobs/{digest}", REPOSITORIES[repository]);
        expect(&self.send("HEAD", &target, &[], NOTHING)?, &[200], &target)?;
        expect(&self.delete(&target)?, &[202], &target)?;
        expect(&self.send("HEAD", &target, &[], NOTHING)?, &[404], &target)?;
        Ok(true)
    }

    /// Pulls what a tag points to, with all that it refers to.
    fn pull(&mut self, world: &World) -> Result<bool, Stop> {
        let (tag, since) = (Tag::random(&mut self.random), Since::now());
        let Some(digest) = self.read(world, tag)? else { return Ok(true) };
        let must_be = || since.is_within(world.grace) && !world.was_deleted(tag.repository, &digest);
        self.pull_manifest(world, tag.repository, &digest, must_be)?;
        Ok(true)
    }

    /// Gets a blob some time after a HEAD has said that it is there.
    fn rely_on_head(&mut self, world: &World) -> Result<bool, Stop> {
        let repository = self.random.below(REPOSITORIES.len());
        let digest = digest(&world.content(&mut self.random));
        let since = Since::now();
        let target = format!("/v2/{}/blobs/{digest}", REPOSITORIES[repository]);
        let answer = self.send("HEAD", &target, &[], NOTHING)?;
        expect(&answer, &[200, 404], &target)?;
        if answer.status == 404 || world.grace.is_zero() {
            return Ok(true);
        }
        thread::sleep(Duration::from_millis(self.random.below(500) as u64));
        self.pull_blob(repository, &digest, || since.is_within(world.grace))?;
        Ok(true)
    }

    fn delete_tag(&mut self, world: &World) -> Result<bool, Stop> {
        let tag = Tag::random(&mut self.random);
        let begun = world.begin(tag, Action::Delete { found: None });
        let answer = self.delete(&tag.target())?;
        expect(&answer, &[202, 404], &tag.target())?;
        world.end(begun, Action::Delete { found: Some(answer.status == 202) });
        Ok(true)
    }

    fn delete_manifest(&mut self, world: &World) -> Result<bool, Stop> {
        let tag = Tag::random(&mut self.random);
        let Some(digest) = self.read(world, tag)? else { return Ok(false) };
        let action = |found| Action::DeleteManifest { digest: digest.clone(), found };
        let begun: Vec<Begun> = Tag::of(tag.repository).map(|tag| world.begin(tag, action(None))).collect();
        let target = format!("/v2/{}/manifests/{digest}", REPOSITORIES[tag.repository]);
        world.delete(tag.repository, &digest);
        let answer = self.delete(&target)?;
        expect(&answer, &[202, 404], &target)?;
        begun.into_iter().for_each(|begun| world.end(begun, action(Some(answer.status == 202))));
        Ok(true)
    }

    /// Reads a tag, and compares the bytes with those that were pushed.
    pub(crate) fn read(&mut self, world: &World, tag: Tag) -> Result<Value, Stop> {
        let begun = world.begin(tag, Action::Nothing);
        let target = tag.target();
        let answer = self.send("GET", &target, &[ACCEPT], NOTHING)?;
        expect(&answer, &[200, 404], &target)?;
        let value = (answer.status == 200).then(|| digest(&answer.body));
        world.end(begun, Action::Read(value.clone()));
        if let Some(digest) = &value {
            world.manifest(tag.repository, digest)?;
        }
        Ok(value)
    }

    /// Pulls a manifest and all that it refers to, which must be there as long as `must_be` says so.
    pub(crate) fn pull_manifest(
        &mut self,
        world: &World,
        repository: usize,
        digest: &str,
        must_be: impl Fn() -> bool + Copy,
    ) -> Result<(), Stop> {
        let manifest = world.manifest(repository, digest)?;
        let target = format!("/v2/{}/manifests/{digest}", REPOSITORIES[repository]);
        let answer = self.send("GET", &target, &[ACCEPT], NOTHING)?;
        if !is_found(&answer, &target, must_be)? {
            return Ok(());
        }
        if answer.body != manifest.bytes {
            return Err(Stop::Failed(anyhow!("{target} is not what was pushed")));
        }
        for blob in &manifest.blobs {
            self.pull_blob(repository, blob, must_be)?;
        }
        for child in &manifest.children {
            // Indexes are of images only.
            let blobs = world.manifest(repository, child)?.blobs;
            let target = format!("/v2/{}/manifests/{child}", REPOSITORIES[repository]);
            if is_found(&self.send("GET", &target, &[ACCEPT], NOTHING)?, &target, must_be)? {
                for blob in &blobs {
                    self.pull_blob(repository, blob, must_be)?;
                }
            }
        }
        Ok(())
    }

    fn pull_blob(&mut self, repository: usize, digest: &str, must_be: impl Fn() -> bool) -> Result<(), Stop> {
        let target = format!("/v2/{}/blobs/{digest}", REPOSITORIES[repository]);
        let answer = self.get(&target)?;
        if is_found(&answer, &target, must_be)? && !is_exact(&answer.body, digest) {
            return Err(Stop::Failed(anyhow!("{target} has other bytes")));
        }
        Ok(())
    }

    /// Makes sure that a repository has one to three of the contents, and returns their digests and sizes.
    fn push_blobs(&mut self, world: &World, repository: usize) -> Result<Vec<(String, usize)>, Stop> {
        let mut blobs = BTreeMap::new();
        for _ in 0..=self.random.below(3) {
            let bytes = world.content(&mut self.random);
            blobs.insert(self.push_blob(world, repository, &bytes)?, bytes.len());
        }
        Ok(blobs.into_iter().collect())
    }

    /// Makes sure that a repository has a blob, and returns its digest.
    fn push_blob(&mut self, world: &World, repository: usize, bytes: &[u8]) -> Result<String, Stop> {
        let digest = digest(bytes);
        self.push_blob_as(world, repository, &digest, bytes)?;
        Ok(digest)
    }

    /// Makes sure that a repository has a blob, by the ways that clients have to do that.
    fn push_blob_as(&mut self, world: &World, repository: usize, digest: &str, bytes: &[u8]) -> Result<(), Stop> {
        let name = REPOSITORIES[repository];
        let target = format!("/v2/{name}/blobs/{digest}");
        let answer = self.send("HEAD", &target, &[], NOTHING)?;
        expect(&answer, &[200, 404], &target)?;
        if answer.status == 200 && !(world.grace.is_zero() && self.random.below(2) == 0) {
            return Ok(());
        }
        let way = self.random.below(4);
        if way == 0 {
            let target = format!("/v2/{name}/blobs/uploads/?digest={digest}");
            expect(&self.send("POST", &target, &[OCTETS], Body::Sized(bytes))?, &[201], &target)?;
            return Ok(());
        }
        let mount = format!("?mount={digest}&from={}", REPOSITORIES[1 - repository]);
        let target = format!("/v2/{name}/blobs/uploads/{}", if way == 1 { &mount } else { "" });
        let answer = self.send("POST", &target, &[], NOTHING)?;
        expect(&answer, if way == 1 { &[201, 202] } else { &[202] }, &target)?;
        if answer.status == 201 {
            return Ok(());
        }
        let mut location = answer.location()?;
        let mut rest = bytes;
        if way == 2 && !bytes.is_empty() {
            let (head, tail) = bytes.split_at(1 + self.random.below(bytes.len()));
            let answer = self.send("PATCH", &location, &[OCTETS], Body::Streamed(head))?;
            self.expect_of_upload(&answer, 202, &location)?;
            (location, rest) = (answer.location()?, tail);
        }
        let separator = if location.contains('?') { '&' } else { '?' };
        let target = format!("{location}{separator}digest={digest}");
        let answer = self.send("PUT", &target, &[OCTETS], Body::Sized(rest))?;
        self.expect_of_upload(&answer, 201, &target)?;
        Ok(())
    }

    /// Pushes a manifest, by tag or by digest. Returns whether it was taken, which it must be within the grace period if
    /// all that it refers to was there `since` then.
    fn put(
        &mut self,
        world: &World,
        at: Tag,
        tag: Option<Tag>,
        manifest: &Manifest,
        since: Option<Since>,
    ) -> Result<bool, Stop> {
        world.know(at.repository, manifest, tag.is_some());
        let action = || Action::Put(manifest.digest.clone());
        let begun = tag.map(|tag| world.begin(tag, action()));
        let target = match tag {
            Some(tag) => tag.target(),
            None => format!("/v2/{}/manifests/{}", REPOSITORIES[at.repository], manifest.digest),
        };
        let answer =
            self.send("PUT", &target, &[("Content-Type", manifest.media_type)], Body::Sized(&manifest.bytes))?;
        let is_taken = answer.status == 201;
        if !is_taken {
            let lacks_blobs = String::from_utf8_lossy(&answer.body).contains("MANIFEST_BLOB_UNKNOWN");
            let may_lack = since.is_none_or(|since| !since.is_within(world.grace));
            expect(&answer, if lacks_blobs && may_lack { &[400, 404] } else { &[201] }, &target)?;
        }
        if let Some(begun) = begun {
            world.end(begun, if is_taken { action() } else { Action::Nothing });
        }
        Ok(is_taken)
    }

    /// Sends a request to any of the registries.
    fn send(&mut self, method: &str, target: &str, headers: &[(&str, &str)], body: Body<'_>) -> Result<Response, Stop> {
        self.ask(|connection| connection.send(method, target, headers, body))
    }

    fn get(&mut self, target: &str) -> Result<Response, Stop> {
        self.ask(|connection| connection.get(target))
    }

    fn delete(&mut self, target: &str) -> Result<Response, Stop> {
        self.ask(|connection| connection.delete(target))
    }

    fn ask(&mut self, ask: impl FnOnce(&mut Connection) -> Result<Response, Stop>) -> Result<Response, Stop> {
        let at = self.random.below(self.connections.len());
        let answer = ask(&mut self.connections[at])?;
        if answer.status == 503 {
            // What was killed may hold back others for a while, and they are told so.
            *self.counts.entry("(be put off)").or_default() += 1;
            return Err(Stop::Killed);
        }
        Ok(answer)
    }

    /// A registry that was killed may have forgotten an upload.
    fn expect_of_upload(&mut self, answer: &Response, status: u16, target: &str) -> Result<(), Stop> {
        if answer.status == 404 {
            *self.counts.entry("(lose an upload)").or_default() += 1;
            return Err(Stop::Killed);
        }
        Ok(expect(answer, &[status], target)?)
    }

    fn image(&mut self, blobs: Vec<(String, usize)>, subject: Option<&Manifest>) -> Manifest {
        let descriptor = |(digest, size): &(String, usize)| serde_json::json!({ "mediaType": "application/octet-stream", "digest": digest, "size": size });
        let mut document = serde_json::json!({
            "schemaVersion": 2,
            "mediaType": IMAGE,
            "config": descriptor(&blobs[0]),
            "layers": blobs[1..].iter().map(descriptor).collect::<Vec<_>>(),
            "annotations": self.annotations(),
        });
        if let Some(subject) = subject {
            document["subject"] = describe(subject);
        }
        let blobs = blobs.into_iter().map(|(digest, _)| digest).collect();
        manifest(IMAGE, &document, blobs, Vec::new(), subject.map(|subject| subject.digest.clone()))
    }

    fn index(&mut self, children: &[Manifest]) -> Manifest {
        let document = serde_json::json!({
            "schemaVersion": 2,
            "mediaType": INDEX,
            "manifests": children.iter().map(describe).collect::<Vec<_>>(),
            "annotations": self.annotations(),
        });
        let children = children.iter().map(|child| child.digest.clone()).collect();
        manifest(INDEX, &document, Vec::new(), children, None)
    }

    fn annotations(&mut self) -> serde_json::Value {
        self.manifests += 1;
        serde_json::json!({ "client": self.number.to_string(), "number": self.manifests.to_string() })
    }
}

fn describe(manifest: &Manifest) -> serde_json::Value {
    serde_json::json!({ "mediaType": manifest.media_type, "digest": manifest.digest, "size": manifest.bytes.len() })
}

fn manifest(
    media_type: &'static str,
    document: &serde_json::Value,
    blobs: Vec<String>,
    children: Vec<String>,
    subject: Option<String>,
) -> Manifest {
    let bytes = document.to_string().into_bytes();
    Manifest { digest: digest(&bytes), media_type, bytes, blobs, children, subject }
}

fn is_found(answer: &Response, target: &str, must_be: impl Fn() -> bool) -> anyhow::Result<bool> {
    expect(answer, if must_be() { &[200] } else { &[200, 404] }, target)?;
    Ok(answer.status == 200)
}

fn expect(answer: &Response, statuses: &[u16], target: &str) -> anyhow::Result<()> {
    let body = String::from_utf8_lossy(&answer.body);
    ensure!(statuses.contains(&answer.status), "{target} was answered with {}: {body}", answer.status);
    Ok(())
}
