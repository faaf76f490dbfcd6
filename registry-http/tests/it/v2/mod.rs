//! The API, path by path.

mod base;
mod blobs;
mod catalog;
mod manifests;
mod referrers;
mod repositories;
mod tags;
mod uploads;
