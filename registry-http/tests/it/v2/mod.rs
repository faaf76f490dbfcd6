//! The API, path by path.

mod base;
mod blobs;
mod catalog;
mod history;
mod manifests;
mod namespaces;
mod redirects;
mod referrers;
mod repositories;
mod tags;
mod uploads;
