//! Making images of today of those that a registry of the first version has left in the storage.
//!
//! What they are made of is put where distribution has it, with its links, and then imported like all else. A tag that
//! has a link is left alone, so that what was done once is not done again.

use std::collections::HashMap;
use std::sync::Arc;

use bytes::Bytes;

use super::problem::{Problem, Skipped, SkippedThing};
use super::{Counts, ImportOptions};
use crate::protocol::digest::{Algorithm, Digest};
use crate::protocol::image_v1::{self, ImageError, ImageId, ImageLayer};
use crate::protocol::reference::{RepositoryName, Tag};
use crate::store::images::{ImageStore, ImageTag};
use crate::store::links::{Link, LinkStore};
use crate::store::{StoreError, StoreErrorKind, StoreResult};

/// How many files' names are listed at a time.
const PAGE: usize = 1000;
/// The namespace of repositories that were pushed without one.
const LIBRARY: &str = "library";

/// Converts images.
pub(super) struct Conversion<'a> {
    pub(super) images: &'a dyn ImageStore,
    pub(super) links: &'a Arc<dyn LinkStore>,
    pub(super) options: &'a ImportOptions,
    /// Whether anything is written.
    pub(super) writes: bool,
    pub(super) skip: &'a (dyn Fn(Skipped) + Sync),
}

/// Why an image was not converted.
enum Failure {
    Skip(Problem),
    /// The store failed, and will fail for everything else as well.
    Store(StoreError),
}

impl From<ImageError> for Failure {
    fn from(error: ImageError) -> Self {
        Self::Skip(Problem::Image(error))
    }
}

impl From<StoreError> for Failure {
    fn from(error: StoreError) -> Self {
        match error.kind() {
            StoreErrorKind::Unavailable | StoreErrorKind::OutOfSpace => Self::Store(error),
            _ => Self::Skip(Problem::Unreadable(error)),
        }
    }
}

impl Conversion<'_> {
    /// Converts what every tag points to, and returns how many were, and how many had been before.
    pub(super) async fn run(&self) -> StoreResult<Counts> {
        let mut counts = Counts::default();
        let mut layers = HashMap::new();
        let mut after = None;
        loop {
            let page = self.images.tags(after.as_ref(), PAGE).await?;
            for tag in &page.items {
                match self.tag(tag, &mut layers).await {
                    Ok(Some(true)) => counts.adopted += 1,
                    Ok(Some(false)) => counts.kept += 1,
                    Ok(None) => {}
                    Err(Failure::Skip(problem)) => {
                        let what = SkippedThing::File(tag.path.clone());
                        (self.skip)(Skipped { repository: None, what, problem });
                    }
                    Err(Failure::Store(error)) => return Err(error),
                }
            }
            after = page.next;
            if after.is_none() {
                return Ok(counts);
            }
        }
    }

    /// Converts what a tag points to, and returns whether that was still to be done; `None` if it is not asked for.
    async fn tag(&self, stored: &ImageTag, layers: &mut HashMap<ImageId, ImageLayer>) -> Result<Option<bool>, Failure> {
        let ImageTag { namespace, name, .. } = stored;
        let full = if namespace == LIBRARY { name.clone() } else { format!("{namespace}/{name}") };
        let (Ok(repository), Ok(tag)) = (full.parse::<RepositoryName>(), stored.tag.parse::<Tag>()) else {
            return Err(Failure::Skip(Problem::OutOfPlace));
        };
        let wanted = &self.options.repositories;
        if !wanted.is_empty() && !wanted.contains(&repository) {
            return Ok(None);
        }
        let link = Link::Tag(tag);
        if !self.options.overwrite && self.links.follow(&repository, &link).await?.is_some() {
            return Ok(Some(false));
        }
        let Some(target) = self.images.target(stored).await? else { return Ok(None) };
        let id: ImageId = target.trim().trim_matches('"').parse().map_err(ImageError::Id)?;
        let images = self.images_of(&id, layers).await?;
        if !self.writes {
            return Ok(Some(true));
        }
        let image = image_v1::convert(&images)?;
        let config = self.put(&image.config).await?;
        let manifest = self.put(&image.manifest).await?;
        for (id, _, layer) in &images {
            self.images.keep_layer(id, layer).await?;
        }
        let blobs = images.iter().map(|(.., layer)| layer.digest).chain([config]);
        for blob in blobs {
            self.links.set(&repository, &Link::Blob(blob), &blob).await?;
        }
        self.links.set(&repository, &Link::Manifest(manifest), &manifest).await?;
        self.links.set(&repository, &link, &manifest).await?;
        Ok(Some(true))
    }

    /// Returns an image and its ancestors, the root first. What is in the layers is not looked at unless they are written.
    async fn images_of(
        &self,
        id: &ImageId,
        layers: &mut HashMap<ImageId, ImageLayer>,
    ) -> Result<Vec<(ImageId, Bytes, ImageLayer)>, Failure> {
        let lacks = |what: &'static str, id: &ImageId| Failure::Skip(Problem::ImageLacks { id: id.clone(), what });
        let ancestry = self.images.ancestry(id).await?.ok_or_else(|| lacks("the list of its ancestors", id))?;
        let mut images = Vec::new();
        for id in image_v1::ancestry(id, &ancestry)?.into_iter().rev() {
            let description = self.images.description(&id).await?.ok_or_else(|| lacks("its description", &id))?;
            if !self.images.has_layer(&id).await? {
                return Err(lacks("its layer, or it was never uploaded to its end", &id));
            }
            if !self.writes {
                continue;
            }
            let layer = match layers.get(&id) {
                Some(known) => known.clone(),
                None => self.images.layer(&id).await?,
            };
            layers.insert(id.clone(), layer.clone());
            images.push((id, description, layer));
        }
        Ok(images)
    }

    async fn put(&self, content: &Bytes) -> Result<Digest, Failure> {
        let digest = Digest::of(Algorithm::Sha256, content);
        self.images.put_blob(&digest, content.clone()).await?;
        Ok(digest)
    }
}
