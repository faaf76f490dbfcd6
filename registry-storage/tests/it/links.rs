//! distribution's links: a storage that it has written is imported or adopted, and one that is written for it is its own.

mod adopt;
mod bucket;
mod collect;
mod import;
mod repair;
mod tree;
mod write;
