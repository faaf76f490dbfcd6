//! A pull of files that have to come from the disk.

use std::fs::File;
use std::io;
use std::path::Path;

use rustix::fs::{Advice, fadvise, sync};

use super::{Case, Measured, Sampler};
use crate::bed::{Bed, REPOSITORY};
use crate::client;
use crate::content::LARGE_BYTES;
use crate::peer::Peer;
use crate::sample::Unit;

struct Cold;

/// Returns the case.
pub(super) fn cases() -> Vec<Box<dyn Case>> {
    vec![Box::new(Cold)]
}

impl Case for Cold {
    fn name(&self) -> String {
        "pull 256 MiB from the disk ×1".to_owned()
    }

    fn unit(&self) -> Unit {
        Unit::Bytes
    }

    fn connections(&self) -> u32 {
        1
    }

    fn suits(&self, peer: &Peer) -> bool {
        peer.has_content()
    }

    fn prepare<'a>(&'a self, bed: &'a Bed) -> io::Result<Box<dyn Sampler + 'a>> {
        let server = bed.standing()?;
        Ok(Box::new(move || {
            // Pages that are not written yet would stay.
            sync();
            forget(&server.data())?;
            let blobs = &bed.content.large;
            let mut connection = server.connect()?;
            let pull = || blobs.iter().try_for_each(|blob| client::pull_blob(&mut connection, REPOSITORY, blob));
            let ((), elapsed, usage) = server.measure(pull)?;
            for blob in blobs {
                client::check_blob(&mut connection, REPOSITORY, blob)?;
            }
            let amount = (blobs.len() * LARGE_BYTES) as f64;
            Ok(Measured { figure: None, amount, elapsed, latencies: Vec::new(), usage })
        }))
    }
}

/// Takes every large file below a directory out of the page cache.
fn forget(directory: &Path) -> io::Result<()> {
    for entry in directory.read_dir()? {
        let entry = entry?;
        if entry.file_type()?.is_dir() {
            forget(&entry.path())?;
        } else if entry.metadata()?.len() >= LARGE_BYTES as u64 {
            fadvise(File::open(entry.path())?, 0, None, Advice::DontNeed)?;
        }
    }
    Ok(())
}
