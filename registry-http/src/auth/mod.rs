//! Who sends a request, and whether they may.
//!
//! An [`Authenticator`] turns the `Authorization` header into an [`Authentication`]; [`authorize`] compares that with
//! the [`RequiredAccess`] of a route. Nothing else decides.

mod access;
mod basic;
mod htpasswd;

use async_trait::async_trait;
use http::HeaderValue;

pub use access::{AccessDetail, Decision, RequiredAccess, authorize};
pub use htpasswd::{Htpasswd, HtpasswdConfig, HtpasswdError};

/// What is known about the sender of a request.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum Authentication {
    /// Authentication is not configured: everybody is trusted.
    Open,
    /// The request has no credentials.
    Anonymous,
    /// The request has credentials that are not valid.
    Rejected,
    /// The request has the credentials of this user.
    User(User),
}

/// Somebody who proved to be who they are.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct User {
    /// The name, without control characters.
    pub name: String,
}

/// Credentials cannot be checked at present; the same request may succeed later.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum AuthenticateError {
    /// Too many other credentials are being checked.
    #[error("too many passwords are being checked; try again later")]
    Busy,
}

/// Finds out who sends a request.
///
/// # Behaviour
/// - The time that an answer takes does not tell whether a user exists.
/// - Credentials are never written to a log.
#[async_trait]
pub trait Authenticator: Send + Sync {
    /// Checks the value of the `Authorization` header, if the request has one.
    ///
    /// # Errors
    /// If the credentials cannot be checked; whether they are valid is never an error.
    async fn authenticate(&self, authorization: Option<&HeaderValue>) -> Result<Authentication, AuthenticateError>;

    /// Returns the `WWW-Authenticate` value that asks for the credentials which `required` needs.
    fn challenge(&self, required: &RequiredAccess) -> HeaderValue;
}

/// Lets everybody in.
#[derive(Debug, Clone, Copy, Default)]
pub struct NoAuthentication;

#[async_trait]
impl Authenticator for NoAuthentication {
    async fn authenticate(&self, _: Option<&HeaderValue>) -> Result<Authentication, AuthenticateError> {
        Ok(Authentication::Open)
    }

    /// Never sent, because everybody may do everything.
    fn challenge(&self, _: &RequiredAccess) -> HeaderValue {
        HeaderValue::from_static("Basic")
    }
}
