//! The file as it is now.

use std::path::PathBuf;
use std::sync::{Arc, Mutex, PoisonError, RwLock};
use std::time::Duration;

use tokio::time::Instant;

use super::HtpasswdError;
use super::file::Users;
use crate::file_stamp::FileStamp;

/// The users of a file that may change at any time.
pub(super) struct WatchedFile {
    path: PathBuf,
    check_interval: Duration,
    checked: Mutex<Instant>,
    loaded: RwLock<Loaded>,
}

struct Loaded {
    users: Arc<Users>,
    /// Of the file when it was last tried.
    stamp: Option<FileStamp>,
}

impl WatchedFile {
    pub(super) fn open(path: PathBuf, check_interval: Duration) -> Result<Self, HtpasswdError> {
        let stamp = FileStamp::of(&path);
        let users = Arc::new(Users::read(&path)?);
        let loaded = RwLock::new(Loaded { users, stamp });
        Ok(Self { path, check_interval, checked: Mutex::new(Instant::now()), loaded })
    }

    /// Returns the users, read again if the file changed and it is time to look.
    pub(super) async fn users(self: &Arc<Self>) -> Arc<Users> {
        if self.is_check_due() {
            let this = Arc::clone(self);
            // Whoever comes meanwhile works with what there is. Only a runtime that shuts down does not run it.
            let _ = tokio::task::spawn_blocking(move || this.refresh()).await;
        }
        Arc::clone(&self.loaded.read().unwrap_or_else(PoisonError::into_inner).users)
    }

    fn is_check_due(&self) -> bool {
        let mut checked = self.checked.lock().unwrap_or_else(PoisonError::into_inner);
        let due = checked.elapsed() >= self.check_interval;
        if due {
            *checked = Instant::now();
        }
        due
    }

    /// Reads the file again if it changed since it was last tried. A file that cannot be read leaves the users as they
    /// were, and is not tried again until it changes once more.
    fn refresh(&self) {
        let stamp = FileStamp::of(&self.path);
        if stamp == self.loaded.read().unwrap_or_else(PoisonError::into_inner).stamp {
            return;
        }
        let result = Users::read(&self.path);
        let mut loaded = self.loaded.write().unwrap_or_else(PoisonError::into_inner);
        loaded.stamp = stamp;
        match result {
            Ok(users) => {
                loaded.users = Arc::new(users);
                tracing::info!(path = %self.path.display(), "htpasswd file read again");
            }
            Err(error) => tracing::error!(
                error = &error as &dyn std::error::Error,
                "the changed htpasswd file cannot be used; the users stay as they were"
            ),
        }
    }
}
