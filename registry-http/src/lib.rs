//! A registry over HTTP, on raw hyper.
//!
//! ```
//! use registry_core::Registry;
//! use registry_http::RegistryService;
//!
//! // A service for hyper's connections, for `tower` and for axum; `examples/` has whole servers.
//! let service = RegistryService::new(Registry::in_memory());
//! ```
//!
//! A request goes one way, which [`RegistryService`] has in one place: [`route`] finds out what it asks for and what
//! permission that needs, [`auth`] whether its sender may, a handler turns it into a call of
//! [`Registry`](registry_core::Registry), and [`error`] has the one table from outcomes to codes and statuses. [`server`]
//! brings requests in and knows nothing of registries.

pub mod access_log;
pub mod auth;
pub mod body;
pub mod client_address;
pub mod config;
pub mod cors;
pub mod debug;
pub mod error;
pub mod external_url;
mod file_stamp;
mod handler;
pub mod headers;
pub mod health;
mod links;
mod manifest_intake;
pub mod metrics;
pub mod redirects;
mod request;
pub mod request_id;
mod response;
pub mod route;
pub mod server;
mod service;
#[cfg(feature = "testing")]
pub mod testing;

pub use config::ServiceConfig;
pub use service::{RegistryService, ServiceBody};
