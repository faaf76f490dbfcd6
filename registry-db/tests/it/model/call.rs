//! What is called, with every name as an index.

/// One call, with every name as an index.
#[derive(Debug, Clone)]
pub(super) enum Call {
    CommitBlob {
        repository: usize,
        blob: usize,
        location: usize,
        displaced: bool,
        upload: Option<(usize, usize)>,
        review: i64,
    },
    MountBlob {
        into: usize,
        blob: usize,
        from: Option<usize>,
        review: i64,
    },
    UnlinkBlob {
        repository: usize,
        blob: usize,
        review: i64,
    },
    PostponeReview {
        blob: usize,
        review: i64,
    },
    PutManifest(Put),
    DeleteManifest {
        repository: usize,
        manifest: usize,
        review: i64,
        restorable: Option<i64>,
    },
    DeleteTag {
        repository: usize,
        tag: &'static str,
        review: i64,
        restorable: Option<i64>,
    },
    RestoreTag {
        repository: usize,
        tag: &'static str,
        manifest: Option<usize>,
        now: i64,
        review: i64,
        restorable: Option<i64>,
    },
    DropHistory {
        now: i64,
        review: i64,
    },
    ThinTags {
        repository: usize,
        manifest: usize,
        limit: usize,
        restorable: Option<i64>,
    },
    DeleteUntagged {
        repository: usize,
        manifest: usize,
        review: i64,
    },
    RemoveRepository {
        repository: usize,
    },
    CreateUpload {
        upload: usize,
        repository: usize,
        expires: i64,
    },
    ClaimUpload {
        upload: usize,
        repository: usize,
        claim: usize,
        now: i64,
        until: i64,
    },
    RenewClaim {
        upload: usize,
        claim: usize,
        until: i64,
    },
    ReleaseUpload {
        upload: usize,
        repository: usize,
        claim: usize,
        offset: u64,
        expires: i64,
    },
    RemoveUpload {
        upload: usize,
        repository: usize,
    },
    Tags {
        repository: usize,
        after: Option<&'static str>,
        limit: usize,
    },
    Repositories {
        after: Option<&'static str>,
        limit: usize,
    },
    Referrers {
        repository: usize,
        subject: usize,
        kind: Option<&'static str>,
        after: Option<usize>,
        limit: usize,
        bytes: u64,
    },
    ExpiredUploads {
        now: i64,
        limit: usize,
    },
    CollectManifests {
        now: i64,
        review: i64,
    },
    /// Condemns what is due, and forgets it or fails to delete it.
    CollectBlobs {
        now: i64,
        fails: bool,
        review: i64,
    },
    /// Has a registry do so, as are the following.
    Retain {
        repository: usize,
        keep_last: usize,
        untagged: bool,
        has_history: bool,
    },
    DeleteRepository {
        repository: usize,
    },
    Collect {
        now: i64,
        delete_untagged: bool,
    },
    Explain {
        content: usize,
        limit: usize,
    },
    /// Hides a served blob, or serves a hidden one again.
    Examine {
        blob: usize,
    },
    RecordStray {
        blob: usize,
        review: i64,
    },
    /// Takes what is not in its place, and moves, leaves or forgets it, each if it can be.
    MoveDisplaced {
        now: i64,
        next_turn: i64,
        delete_after: i64,
    },
    NoteDisplaced {
        locations: usize,
        delete_after: i64,
    },
}

/// A push of a manifest.
#[derive(Debug, Clone)]
pub(super) struct Put {
    pub(super) repository: usize,
    pub(super) manifest: usize,
    pub(super) media_type: &'static str,
    pub(super) artifact_type: Option<&'static str>,
    pub(super) subject: Option<usize>,
    pub(super) blobs: Vec<usize>,
    pub(super) optional_blobs: Vec<usize>,
    pub(super) children: Vec<usize>,
    pub(super) sparse_children: Vec<usize>,
    pub(super) tags: Vec<&'static str>,
    pub(super) review: i64,
    pub(super) restorable: Option<i64>,
}
