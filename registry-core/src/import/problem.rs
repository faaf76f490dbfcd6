//! Why something of the storage cannot be imported.

use std::fmt;

use crate::protocol::digest::Digest;
use crate::protocol::image_v1::{ImageError, ImageId};
use crate::protocol::manifest::ManifestError;
use crate::protocol::reference::RepositoryName;
use crate::registry::RegistryOptions;
use crate::store::StoreError;
use crate::store::links::Link;

/// What is wrong with something in the storage.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Problem {
    /// The storage has a file whose place in it means nothing.
    #[error("its name is not one that a link can have")]
    OutOfPlace,
    /// The link cannot be followed.
    #[error("its link cannot be read")]
    Link(#[source] StoreError),
    /// The link points to something else. distribution does that where it keeps a blob that was pushed by a sha512 digest.
    #[error("its link points to `{0}`")]
    WrongTarget(Digest),
    /// There are no bytes.
    #[error("its bytes are not in the storage")]
    NoBytes,
    /// The bytes are there and cannot be read.
    #[error("its bytes cannot be read")]
    Unreadable(#[source] StoreError),
    /// The blob has two digests, and its bytes could not be written by this one, or its link could not.
    #[error("its bytes cannot be given a place of their own")]
    NoPlace(#[source] StoreError),
    /// The bytes are others.
    #[error("its {size_bytes} bytes do not have its digest")]
    WrongDigest {
        /// How many there are.
        size_bytes: u64,
    },
    /// The manifest is larger than any that this registry takes.
    #[error("it has {size_bytes} bytes, and a manifest may have at most {}", RegistryOptions::MANIFEST_MAX_BYTES)]
    TooLarge {
        /// How many it has.
        size_bytes: u64,
    },
    /// The manifest is not one that this registry can store.
    #[error("{0}")]
    Invalid(#[source] ManifestError),
    /// The manifest refers to blobs that cannot be had.
    #[error("it refers to {}", list(.0))]
    Blobs(Vec<(Digest, String)>),
    /// The tag points to a manifest that the repository does not have, as after its deletion.
    #[error("it points to manifest `{0}`, which the repository does not have")]
    Dangling(Digest),
    /// The tag points to a manifest that cannot be imported.
    #[error("it points to manifest `{digest}`: {problem}")]
    Target {
        /// The manifest.
        digest: Digest,
        /// What is wrong with it.
        problem: Box<Problem>,
    },
    /// The image of the first registry cannot be made one of today.
    #[error("{0}")]
    Image(#[source] ImageError),
    /// The image of the first registry is not all there.
    #[error("image `{id}` lacks {what}")]
    ImageLacks {
        /// The image.
        id: ImageId,
        /// What it lacks.
        what: &'static str,
    },
    /// It, or something that it refers to, was removed from this registry in the same moment.
    #[error("it is being deleted")]
    Collected,
    /// It was found to be damaged before.
    #[error("{0}")]
    Known(String),
}

impl Problem {
    /// Returns the problem and its causes in one line.
    pub(crate) fn line(&self) -> String {
        let mut line = self.to_string();
        let mut cause = std::error::Error::source(self);
        while let Some(error) = cause {
            // Some texts have their cause's text in them.
            let text = error.to_string();
            if !line.contains(&text) {
                line = format!("{line}: {text}");
            }
            cause = error.source();
        }
        line
    }
}

fn list(blobs: &[(Digest, String)]) -> String {
    const SHOWN: usize = 5;
    let mut text: Vec<String> =
        blobs.iter().take(SHOWN).map(|(digest, reason)| format!("blob `{digest}`: {reason}")).collect();
    if blobs.len() > SHOWN {
        text.push(format!("{} more such blobs", blobs.len() - SHOWN));
    }
    text.join("; ")
}

/// Something that was skipped. `Display` gives one line for an operator, with all causes.
#[derive(Debug)]
pub struct Skipped {
    /// The repository, unless it is the name of one that is wrong.
    pub repository: Option<RepositoryName>,
    /// What was skipped.
    pub what: SkippedThing,
    /// Why.
    pub problem: Problem,
}

/// What was skipped.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum SkippedThing {
    /// A link, and what it stands for.
    Link(Link),
    /// A file, by its path.
    File(String),
}

impl fmt::Display for Skipped {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Some(repository) = &self.repository {
            write!(f, "repository `{repository}`: ")?;
        }
        match &self.what {
            SkippedThing::Link(link) => write!(f, "{link}: ")?,
            SkippedThing::File(path) => write!(f, "file `{path}`: ")?,
        }
        f.write_str(&self.problem.line())
    }
}
