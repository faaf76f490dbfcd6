//! What is asked of a registry that came back: everything acknowledged, nothing partial, and no session lost of which bytes
//! were taken.

use std::collections::BTreeSet;

use anyhow::{Context, anyhow, ensure};

use crate::{
    client::{Client, MANIFEST, expect},
    ledger::{Ending, Repository},
    rig::{
        digest,
        http::{Body, Connection, Response, Stop},
        random::Random,
    },
};

/// How much of what did not change since it was looked at is looked at again.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Extent {
    Everything,
    /// One in this many.
    Sample(usize),
}

impl Client {
    /// Compares the client's repositories with what was acknowledged, then carries an interrupted upload on.
    /// Returns whether there was one.
    ///
    /// # Errors
    ///
    /// On the first thing that is missing, wrong or partial.
    pub(crate) fn check(&mut self, extent: Extent) -> anyhow::Result<bool> {
        for repository in &mut self.repositories {
            let name = repository.name.clone();
            check_repository(repository, &mut self.connection, &mut self.random, extent)
                .map_err(failure)
                .with_context(|| format!("repository {name}"))?;
        }
        self.resume().map_err(failure).context("an interrupted upload")
    }

    fn resume(&mut self) -> Result<bool, Stop> {
        let Some(upload) = &mut self.upload else { return Ok(false) };
        let digest = digest(&upload.bytes);
        let answer = self.connection.get(&upload.location)?;
        if answer.status == 404 {
            let ended = match upload.ending {
                // Nobody was promised more than a place to send to.
                _ if upload.acknowledged == 0 => true,
                Some(Ending::Commit) => self.repositories[upload.repository].has_blob(&digest),
                Some(Ending::Cancel) => true,
                None => false,
            };
            if !ended {
                let lost = anyhow!("{} is gone with {} acknowledged bytes", upload.location, upload.acknowledged);
                return Err(Stop::Failed(lost));
            }
            self.upload = None;
            return Ok(false);
        }
        expect(&answer, 204, &upload.location)?;
        let offset = offset(&answer, upload.acknowledged)?;
        if !(upload.acknowledged..=upload.sent).contains(&offset) {
            return Err(Stop::Failed(anyhow!(
                "{} is at {offset}, but {} bytes were acknowledged and {} sent",
                upload.location,
                upload.acknowledged,
                upload.sent
            )));
        }
        upload.location = answer.location()?;
        upload.acknowledged = offset;
        if upload.ending == Some(Ending::Cancel) {
            self.cancel()?;
            return Ok(true);
        }
        let end = upload.bytes.len();
        let target = format!("/v2/{}/blobs/{digest}", self.repositories[upload.repository].name);
        if offset < end {
            self.patch(end)?;
        }
        self.commit(end)?;
        let answer = self.connection.get(&target)?;
        expect(&answer, 200, &target)?;
        same(crate::rig::digest(&answer.body) == digest, &target)?;
        Ok(true)
    }
}

/// Reads how many bytes a session has. An empty one has no range; some registries then say `0-0`.
fn offset(answer: &Response, acknowledged: usize) -> anyhow::Result<usize> {
    let Some(range) = answer.header("range") else { return Ok(0) };
    let last = range.strip_prefix("0-").and_then(|last| last.parse::<usize>().ok());
    let last = last.with_context(|| format!("`{range}` is no range of a session"))?;
    Ok(if last == 0 && acknowledged == 0 { 0 } else { last + 1 })
}

fn check_repository(
    repository: &mut Repository,
    connection: &mut Connection,
    random: &mut Random,
    extent: Extent,
) -> Result<(), Stop> {
    let mut skip = |checked: bool| match extent {
        Extent::Everything => false,
        Extent::Sample(one_in) => checked && random.below(one_in) != 0,
    };
    let name = repository.name.clone();
    for (known, entry) in &mut repository.blobs {
        if skip(entry.checked) {
            continue;
        }
        let target = format!("/v2/{name}/blobs/{known}");
        let answer = connection.get(&target)?;
        entry.settle(found(&answer, &target)?).with_context(|| target.clone())?;
        same(answer.status == 404 || digest(&answer.body) == *known, &target)?;
    }
    for (known, (manifest, entry)) in &mut repository.manifests {
        if skip(entry.checked) {
            continue;
        }
        let target = format!("/v2/{name}/manifests/{known}");
        let answer = get_manifest(connection, &target)?;
        entry.settle(found(&answer, &target)?).with_context(|| target.clone())?;
        if answer.status == 200 {
            same(answer.body == manifest.bytes, &target)?;
            same(answer.header("docker-content-digest") == Some(known), &target)?;
            same(answer.header("content-type") == Some(MANIFEST), &target)?;
        }
    }
    check_tags(repository, connection)
}

/// Every tag points where it may, to a manifest that is there with all its blobs; and no other tag is listed.
fn check_tags(repository: &mut Repository, connection: &mut Connection) -> Result<(), Stop> {
    let mut present = BTreeSet::new();
    for (tag, candidates) in &mut repository.tags {
        let target = format!("/v2/{}/manifests/{tag}", repository.name);
        let answer = get_manifest(connection, &target)?;
        let points_to = found(&answer, &target)?.then(|| digest(&answer.body));
        if !candidates.contains(&points_to) {
            return Err(Stop::Failed(anyhow!("{target} is {points_to:?}, but may be {candidates:?}")));
        }
        if let Some(known) = &points_to {
            let target = format!("/v2/{}/manifests/{known}", repository.name);
            expect(&get_manifest(connection, &target)?, 200, &target)?;
            let (manifest, _) =
                repository.manifests.get(known).with_context(|| format!("{target} was never pushed"))?;
            for blob in &manifest.blobs {
                let target = format!("/v2/{}/blobs/{blob}", repository.name);
                expect(&connection.send("HEAD", &target, &[], Body::Sized(&[]))?, 200, &target)?;
            }
            present.insert(tag.clone());
        }
        *candidates = BTreeSet::from([points_to]);
    }
    let target = format!("/v2/{}/tags/list", repository.name);
    let answer = connection.get(&target)?;
    let listed = if found(&answer, &target)? { listed_tags(&answer.body)? } else { BTreeSet::new() };
    if listed != present {
        return Err(Stop::Failed(anyhow!("{target} lists {listed:?}, but {present:?} can be pulled")));
    }
    Ok(())
}

fn listed_tags(body: &[u8]) -> anyhow::Result<BTreeSet<String>> {
    let list: serde_json::Value = serde_json::from_slice(body)?;
    let Some(tags) = list["tags"].as_array() else {
        ensure!(list["tags"].is_null(), "`tags` is no list");
        return Ok(BTreeSet::new());
    };
    tags.iter().map(|tag| tag.as_str().map(str::to_owned).context("a tag is no text")).collect()
}

fn get_manifest(connection: &mut Connection, target: &str) -> Result<Response, Stop> {
    connection.send("GET", target, &[("Accept", MANIFEST)], Body::Sized(&[]))
}

fn found(answer: &Response, target: &str) -> Result<bool, Stop> {
    if answer.status == 404 {
        return Ok(false);
    }
    expect(answer, 200, target)?;
    Ok(true)
}

fn same(holds: bool, target: &str) -> Result<(), Stop> {
    if holds { Ok(()) } else { Err(Stop::Failed(anyhow!("{target} is not what was pushed"))) }
}

/// Nobody kills the server during a check.
fn failure(stop: Stop) -> anyhow::Error {
    match stop {
        Stop::Killed => anyhow!("the server is gone"),
        Stop::Failed(error) => error,
    }
}
