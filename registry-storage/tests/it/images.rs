//! Images of the first registry, made images of today and imported.

mod fixture;
mod import;
