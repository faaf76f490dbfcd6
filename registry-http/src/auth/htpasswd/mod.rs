//! Users from an htpasswd file, with Basic authentication.
//!
//! The file is read again when it changes, and a changed file that cannot be read leaves the users as they were. As in
//! distribution, the last line of a user counts. Unlike distribution, a missing file is an error rather than a reason
//! to make up a password, and `$apr1$` and `{SHA}` hashes, which older tools wrote, work.

mod apr1;
mod cache;
mod file;
mod hash;
mod pool;
mod watched;

use std::io;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use http::HeaderValue;

use super::basic::{self, Credentials};
use super::{AuthenticateError, Authentication, Authenticator, RequiredAccess, User};
use cache::VerifiedCache;
use pool::HashingPool;
use watched::WatchedFile;

/// How users of a file are authenticated.
#[derive(Debug, Clone)]
pub struct HtpasswdConfig {
    /// What a client shows to its user when it asks for the password.
    pub realm: String,
    /// The file.
    pub path: PathBuf,
    /// How often the file is looked at for changes, at most.
    pub check_interval: Duration,
    /// For how long a verified password is not hashed again.
    pub verified_ttl: Duration,
}

impl HtpasswdConfig {
    /// Looks at the file at most once a second, and hashes a password again after a minute.
    pub fn new(realm: impl Into<String>, path: impl Into<PathBuf>) -> Self {
        let (check_interval, verified_ttl) = (Duration::from_secs(1), Duration::from_secs(60));
        Self { realm: realm.into(), path: path.into(), check_interval, verified_ttl }
    }
}

/// Why the users of a file cannot be authenticated.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum HtpasswdError {
    /// There is no file.
    #[error("htpasswd file `{path}` does not exist; create it with `htpasswd -B -c {path} USER`", path = .0.display())]
    Missing(PathBuf),
    /// The file cannot be read.
    #[error("cannot read htpasswd file `{}`", .path.display())]
    Read {
        /// Which file.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// The file is too long to be one.
    #[error("htpasswd file `{}` is longer than {limit_bytes} bytes", .path.display())]
    TooLong {
        /// Which file.
        path: PathBuf,
        /// The longest that is read.
        limit_bytes: u64,
    },
    /// A line is malformed.
    #[error("line {line} of htpasswd file `{}` is malformed; expected `user:hash` in UTF-8", .path.display())]
    Line {
        /// Which file.
        path: PathBuf,
        /// Counted from 1.
        line: usize,
    },
    /// The realm cannot stand in a header.
    #[error("realm `{0}` has a character that a header cannot have")]
    Realm(String),
    /// The system has no random bytes.
    #[error("no random bytes are to be had from the system")]
    Random,
}

/// Authenticates the users of an htpasswd file.
pub struct Htpasswd {
    file: Arc<WatchedFile>,
    challenge: HeaderValue,
    verified: VerifiedCache,
    pool: HashingPool,
}

impl Htpasswd {
    /// Reads the file.
    ///
    /// # Errors
    /// If the file is missing, unreadable or malformed, or the realm cannot be sent.
    pub fn open(config: HtpasswdConfig) -> Result<Self, HtpasswdError> {
        let HtpasswdConfig { realm, path, check_interval, verified_ttl } = config;
        Ok(Self {
            challenge: basic::challenge(&realm).ok_or(HtpasswdError::Realm(realm))?,
            file: Arc::new(WatchedFile::open(path, check_interval)?),
            verified: VerifiedCache::new(verified_ttl).map_err(|_| HtpasswdError::Random)?,
            pool: HashingPool::new(),
        })
    }
}

#[async_trait]
impl Authenticator for Htpasswd {
    async fn authenticate(&self, authorization: Option<&HeaderValue>) -> Result<Authentication, AuthenticateError> {
        let Some(header) = authorization else { return Ok(Authentication::Anonymous) };
        let Some(Credentials { user: name, password }) = Credentials::parse(header) else {
            return Ok(Authentication::Rejected);
        };
        let users = self.file.users().await;
        let key = users.hash(&name).map(|hash| self.verified.key(&name, &password, hash));
        let is_verified = || key.is_some_and(|key| self.verified.contains(&key));
        if !is_verified() {
            let known = name.clone();
            // A client that pushes in parallel begins with many requests of one user: only the first is hashed.
            if !self.pool.run(is_verified, move || users.verify(&known, &password)).await? {
                return Ok(Authentication::Rejected);
            }
            if let Some(key) = key {
                self.verified.insert(key);
            }
        }
        Ok(Authentication::User(User { name }))
    }

    fn challenge(&self, _: &RequiredAccess) -> HeaderValue {
        self.challenge.clone()
    }
}
