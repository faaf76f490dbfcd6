//! The rules that an operator can set.

use std::time::Duration;

use super::UrlRules;

/// The rules of one registry.
#[derive(Debug, Clone)]
pub struct RegistryOptions {
    /// Whether manifests, tags and blobs can be deleted.
    pub delete_enabled: bool,
    /// Whether every change is refused.
    pub read_only: bool,
    /// How long an upload lives after its last chunk.
    pub upload_lifetime: Duration,
    /// How long something stays after it lost its last reference. What was last pushed, mounted or seen by a HEAD stays as
    /// long, and at least for [`PUSH_GRACE_MIN`](Self::PUSH_GRACE_MIN).
    pub review_grace: Duration,
    /// How long it can be undone that a tag moved or was deleted. What can be restored is kept; with zero, nothing is
    /// remembered.
    pub tag_history: Duration,
    /// Whether every blob is to have a [second copy](crate::store::replication).
    pub replicates: bool,
    /// Which children of an index must be there when it is pushed.
    pub index_children: IndexChildren,
    /// Where descriptors may point outside of the registry.
    pub urls: UrlRules,
}

impl RegistryOptions {
    /// The largest manifest in bytes. The spec asks for at least 4 MB (distribution-spec, "Pushing Manifests").
    pub const MANIFEST_MAX_BYTES: u64 = 4 * 1024 * 1024;
    /// The most tags that one push may set. The spec asks for at least 10. The answer has a header for each, and many
    /// clients take no answer with more than 100 headers.
    pub const TAGS_PER_PUSH_MAX: usize = 64;
    /// How long what a client has pushed, mounted or asked for stays at least without a reference, so that a push can get
    /// from its first blob to its manifest even where what loses its last reference goes at once.
    pub const PUSH_GRACE_MIN: Duration = Duration::from_secs(60 * 60);

    /// How long a blob is held whose holder died. Putting bytes in place takes moments on a file system, and minutes at
    /// most elsewhere.
    pub(crate) const HOLD_LIFETIME: Duration = Duration::from_secs(60 * 60);

    /// How long something stays after it was last pushed, mounted or seen by a HEAD.
    pub(crate) fn push_grace(&self) -> Duration {
        self.review_grace.max(Self::PUSH_GRACE_MIN)
    }
}

impl Default for RegistryOptions {
    fn default() -> Self {
        Self {
            delete_enabled: false,
            read_only: false,
            upload_lifetime: Duration::from_secs(7 * 24 * 60 * 60),
            review_grace: Duration::from_secs(24 * 60 * 60),
            tag_history: Duration::ZERO,
            replicates: false,
            index_children: IndexChildren::All,
            urls: UrlRules::default(),
        }
    }
}

/// Which children of an index must be in the repository when the index is pushed.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub enum IndexChildren {
    /// All of them, so that every pull of what was pushed succeeds.
    #[default]
    All,
    /// None of them: sparse indexes are welcome.
    Optional,
    /// Those for one of these platforms, and those that name no platform.
    Platforms(Vec<Platform>),
}

/// A platform that children of an index are made for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Platform {
    /// The operating system, as in `linux`.
    pub os: String,
    /// The architecture, as in `amd64`.
    pub architecture: String,
}
