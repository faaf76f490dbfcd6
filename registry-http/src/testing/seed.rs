//! Images that are there before the test begins.

use bytes::Bytes;
use futures::StreamExt;
use registry_core::protocol::digest::{Algorithm, Digest};
use registry_core::protocol::media_type::{OCI_CONFIG, OCI_LAYER, OCI_MANIFEST};
use registry_core::protocol::reference::Reference;
use registry_core::registry::ManifestPush;
use serde_json::json;

use super::TestRegistry;

impl TestRegistry {
    /// Puts a blob into a repository and returns its digest.
    ///
    /// # Panics
    /// If the name is not a repository's.
    pub async fn seed_blob(&self, repository: &str, content: &[u8]) -> Digest {
        let repository = repository.parse().expect("a valid repository name");
        let digest = Digest::of(Algorithm::Sha256, content);
        let body = futures::stream::iter([Ok(Bytes::copy_from_slice(content))]).boxed();
        self.registry.push_blob(&repository, &digest, body).await.expect("memory takes blobs");
        digest
    }

    /// Puts an image with these layers into a repository, by this tag, and returns its digest.
    ///
    /// # Panics
    /// If the name is not a repository's or the tag not a tag.
    pub async fn seed_image(&self, repository: &str, tag: &str, layers: &[&[u8]]) -> Digest {
        let config = b"{\"architecture\":\"amd64\",\"os\":\"linux\"}";
        let config_digest = self.seed_blob(repository, config).await;
        let mut descriptors = Vec::new();
        for layer in layers {
            let digest = self.seed_blob(repository, layer).await;
            descriptors.push(json!({"mediaType": OCI_LAYER, "digest": digest, "size": layer.len()}));
        }
        let manifest = json!({
            "schemaVersion": 2,
            "mediaType": OCI_MANIFEST,
            "config": {"mediaType": OCI_CONFIG, "digest": config_digest, "size": config.len()},
            "layers": descriptors,
        });
        let push = ManifestPush {
            reference: Reference::Tag(tag.parse().expect("a valid tag")),
            tags: Vec::new(),
            content_type: Some(OCI_MANIFEST.to_owned()),
            payload: serde_json::to_vec(&manifest).expect("JSON").into(),
        };
        let repository = repository.parse().expect("a valid repository name");
        self.registry.put_manifest(&repository, push).await.expect("memory takes manifests").digest
    }
}
