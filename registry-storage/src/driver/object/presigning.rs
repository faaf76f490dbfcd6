//! Signing addresses for clients, where that may take credentials of another kind, or of a longer life, than requests do.

use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use reqsign_core::{ErrorKind, Result};

/// How long nothing is signed after something could not be: to look for credentials may take requests.
const REST: Duration = Duration::from_secs(60);

/// Remembers for a while that addresses cannot be signed, so that not every pull looks for credentials.
#[derive(Debug, Default)]
pub(in crate::driver) struct Presigning {
    rests_until: Mutex<Option<Instant>>,
}

impl Presigning {
    /// Signs, unless that failed a moment ago. `None` if there are no credentials that sign, or none that last long enough.
    ///
    /// # Errors
    /// What else kept it from being signed, once in a while.
    pub(in crate::driver) async fn ask<T>(&self, signing: impl Future<Output = Result<T>>) -> Result<Option<T>> {
        if self.rests() {
            return Ok(None);
        }
        match signing.await {
            Ok(signed) => Ok(Some(signed)),
            Err(error) => {
                *self.rests_until.lock().unwrap_or_else(PoisonError::into_inner) = Some(Instant::now() + REST);
                if error.kind() == ErrorKind::CredentialInvalid { Ok(None) } else { Err(error) }
            }
        }
    }

    fn rests(&self) -> bool {
        let until = *self.rests_until.lock().unwrap_or_else(PoisonError::into_inner);
        until.is_some_and(|until| Instant::now() < until)
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicUsize, Ordering};

    use reqsign_core::Error;

    use super::*;

    #[tokio::test]
    async fn who_has_no_credentials_is_not_asked_again_at_once() {
        for (error, is_told) in [(Error::credential_invalid("ends soon"), false), (Error::unexpected("away"), true)] {
            let (presigning, asked) = (Presigning::default(), AtomicUsize::new(0));
            let sign = |signed: Result<&'static str>| {
                presigning.ask(async {
                    asked.fetch_add(1, Ordering::Relaxed);
                    signed
                })
            };
            assert_eq!(sign(Ok("signed")).await.unwrap(), Some("signed"));
            assert_eq!(sign(Err(error)).await.is_err(), is_told);
            assert_eq!(sign(Ok("signed")).await.unwrap(), None);
            assert_eq!(asked.load(Ordering::Relaxed), 2);
        }
    }
}
