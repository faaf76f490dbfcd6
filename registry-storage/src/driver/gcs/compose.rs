//! Putting objects together: up to 32 by one request, and more in a tree.

use std::collections::HashMap;

use futures::{StreamExt, TryStreamExt};
use http::Method;
use registry_core::store::StoreErrorKind;

use super::address::Resource;
use super::backend::Gcs;
use super::document::{self, Compose, ComposeSource, NewObject, Object, Preconditions};
use super::objects::CONTENT_TYPE;
use super::parts::PartsDirectory;
use crate::driver::object::error::Failure;
use crate::driver::object::exchange::Call;
use crate::error::DriverError;
use crate::path::StoragePath;

/// How many objects one request puts together at most.
const MAX_SOURCES: usize = 32;

/// An object with the very content that is meant.
#[derive(Debug, Clone)]
pub(super) struct Source {
    pub(super) path: StoragePath,
    pub(super) generation: String,
}

impl Gcs {
    /// Puts an upload's parts together in the place of the object at `path`. Atomic; what is put together on the way stays
    /// beside the parts.
    ///
    /// # Errors
    /// `NotFound` if a part is gone; `Corrupt` if one is of another generation.
    pub(super) async fn compose_all(
        &self,
        parts: &PartsDirectory,
        mut sources: Vec<Source>,
        path: &StoragePath,
    ) -> Result<(), Failure> {
        let attempt = uuid::Uuid::new_v4().simple().to_string();
        let attempt = attempt.as_str();
        let mut level = 0;
        while sources.len() > MAX_SOURCES {
            level += 1;
            let groups = sources.chunks(MAX_SOURCES).enumerate();
            let composed: Vec<_> = groups
                .map(|(index, group)| async move {
                    let path = parts.composed(attempt, level, index);
                    let generation = self.compose(group, &path).await?;
                    Ok::<_, Failure>(Source { path, generation })
                })
                .collect();
            sources = futures::stream::iter(composed).buffered(self.composed_at_once).try_collect().await?;
        }
        self.compose(&sources, path).await.map(drop)
    }

    /// Puts objects together, and returns the generation of what they become.
    async fn compose(&self, sources: &[Source], path: &StoragePath) -> Result<String, Failure> {
        let sources = sources.iter().map(|source| ComposeSource {
            name: self.address.root.key(&source.path),
            object_preconditions: Preconditions { if_generation_match: &source.generation },
        });
        let destination = NewObject { content_type: CONTENT_TYPE, metadata: HashMap::new() };
        let source_objects = sources.collect();
        let call = Call {
            operation: "complete upload",
            method: Method::POST,
            uri: self.address.uri(Resource::Compose(path), &[("fields", "generation")]),
            headers: self.json(),
            body: document::write(&Compose { source_objects, destination }),
            is_long: true,
            ..self.call(path)
        };
        match self.document::<Object>(&call).await {
            Err(failure) if failure.kind() == StoreErrorKind::AlreadyExists => {
                let (key, why) = (self.address.root.key(path), DriverError::from(failure));
                Err(DriverError::new(StoreErrorKind::Corrupt, "use the parts of upload", key, why).into())
            }
            composed => Ok(composed?.generation),
        }
    }
}
