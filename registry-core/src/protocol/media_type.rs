//! Media types: the ones that registries know, and which kinds of manifest they make.
//!
//! Sources: OCI image-spec `media-types.md`; the Docker image manifest specification, version 2 schema 2. A registry
//! stores blobs of every media type; only manifests have to be of a known one.

use std::fmt;

/// An OCI image manifest.
pub const OCI_MANIFEST: &str = "application/vnd.oci.image.manifest.v1+json";
/// An OCI image index.
pub const OCI_INDEX: &str = "application/vnd.oci.image.index.v1+json";
/// An OCI image configuration.
pub const OCI_CONFIG: &str = "application/vnd.oci.image.config.v1+json";
/// The two bytes `{}`, which stand for "nothing" where a descriptor must be.
pub const OCI_EMPTY: &str = "application/vnd.oci.empty.v1+json";
/// A layer, as a tar archive.
pub const OCI_LAYER: &str = "application/vnd.oci.image.layer.v1.tar";
/// A layer, as a tar archive compressed by gzip.
pub const OCI_LAYER_GZIP: &str = "application/vnd.oci.image.layer.v1.tar+gzip";
/// A layer, as a tar archive compressed by zstd.
pub const OCI_LAYER_ZSTD: &str = "application/vnd.oci.image.layer.v1.tar+zstd";
/// A layer that may not be distributed freely, as a tar archive.
pub const OCI_NONDISTRIBUTABLE_LAYER: &str = "application/vnd.oci.image.layer.nondistributable.v1.tar";
/// A layer that may not be distributed freely, as a tar archive compressed by gzip.
pub const OCI_NONDISTRIBUTABLE_LAYER_GZIP: &str = "application/vnd.oci.image.layer.nondistributable.v1.tar+gzip";
/// A layer that may not be distributed freely, as a tar archive compressed by zstd.
pub const OCI_NONDISTRIBUTABLE_LAYER_ZSTD: &str = "application/vnd.oci.image.layer.nondistributable.v1.tar+zstd";

/// A Docker image manifest, schema 2.
pub const DOCKER_MANIFEST: &str = "application/vnd.docker.distribution.manifest.v2+json";
/// A Docker manifest list.
pub const DOCKER_MANIFEST_LIST: &str = "application/vnd.docker.distribution.manifest.list.v2+json";
/// A Docker image configuration.
pub const DOCKER_CONFIG: &str = "application/vnd.docker.container.image.v1+json";
/// A Docker layer, as a tar archive.
pub const DOCKER_LAYER: &str = "application/vnd.docker.image.rootfs.diff.tar";
/// A Docker layer, as a tar archive compressed by gzip.
pub const DOCKER_LAYER_GZIP: &str = "application/vnd.docker.image.rootfs.diff.tar.gzip";
/// A Docker layer that is to be fetched from elsewhere, as a tar archive compressed by gzip.
pub const DOCKER_FOREIGN_LAYER: &str = "application/vnd.docker.image.rootfs.foreign.diff.tar.gzip";
/// A Docker image manifest, schema 1, which this registry does not store.
pub const DOCKER_SCHEMA1: &str = "application/vnd.docker.distribution.manifest.v1+json";
/// A signed Docker image manifest, schema 1, which this registry does not store.
pub const DOCKER_SCHEMA1_SIGNED: &str = "application/vnd.docker.distribution.manifest.v1+prettyjws";

/// The kinds of manifest that this registry stores. `Display` gives the media type.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum ManifestKind {
    /// [`OCI_MANIFEST`].
    OciManifest,
    /// [`OCI_INDEX`].
    OciIndex,
    /// [`DOCKER_MANIFEST`].
    DockerManifest,
    /// [`DOCKER_MANIFEST_LIST`].
    DockerManifestList,
}

impl ManifestKind {
    /// Every kind.
    pub const ALL: [Self; 4] = [Self::OciManifest, Self::OciIndex, Self::DockerManifest, Self::DockerManifestList];

    /// Returns the kind that a Content-Type header names, or `None` if it is no manifest that this registry stores.
    ///
    /// Parameters and case make no difference (distribution-spec, "Pushing Manifests").
    pub fn from_content_type(content_type: &str) -> Option<Self> {
        let named = essence(content_type);
        Self::ALL.into_iter().find(|kind| kind.media_type().eq_ignore_ascii_case(named))
    }

    /// Returns the media type, in its registered spelling.
    pub const fn media_type(self) -> &'static str {
        match self {
            Self::OciManifest => OCI_MANIFEST,
            Self::OciIndex => OCI_INDEX,
            Self::DockerManifest => DOCKER_MANIFEST,
            Self::DockerManifestList => DOCKER_MANIFEST_LIST,
        }
    }

    /// Returns whether manifests of this kind list other manifests, instead of a config and layers.
    pub const fn is_index(self) -> bool {
        matches!(self, Self::OciIndex | Self::DockerManifestList)
    }

    /// Returns whether manifests of this kind are Docker's.
    pub const fn is_docker(self) -> bool {
        matches!(self, Self::DockerManifest | Self::DockerManifestList)
    }
}

impl fmt::Display for ManifestKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.media_type())
    }
}

/// Returns the `type/subtype` of a Content-Type header, without parameters and surrounding blanks, in the given case.
pub fn essence(content_type: &str) -> &str {
    content_type.split(';').next().unwrap_or_default().trim()
}

/// Returns whether a layer of this media type may not be distributed freely, so that a registry need not have it if
/// the layer says where else it is.
pub fn is_nondistributable(layer_media_type: &str) -> bool {
    // By prefix, because every compression and encryption adds a suffix of its own.
    ["application/vnd.oci.image.layer.nondistributable.", "application/vnd.docker.image.rootfs.foreign."]
        .iter()
        .any(|prefix| layer_media_type.starts_with(prefix))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_content_type_names_a_kind() {
        for kind in ManifestKind::ALL {
            let media_type = kind.media_type();
            for content_type in [
                media_type.to_owned(),
                media_type.to_uppercase(),
                format!("{media_type};charset=utf-8"),
                format!(" {media_type} ; charset=\"utf-8\"; x=y"),
            ] {
                assert_eq!(ManifestKind::from_content_type(&content_type), Some(kind), "{content_type}");
            }
            for content_type in [
                format!("{media_type}, {media_type}"),
                format!("{media_type}x"),
                format!("x{media_type}"),
                format!("x;{media_type}"),
            ] {
                assert_eq!(ManifestKind::from_content_type(&content_type), None, "{content_type}");
            }
        }
    }

    #[test]
    fn other_content_types_name_no_kind() {
        for content_type in ["", ";", "application/json", OCI_CONFIG, OCI_LAYER, DOCKER_SCHEMA1, DOCKER_SCHEMA1_SIGNED]
        {
            assert_eq!(ManifestKind::from_content_type(content_type), None, "{content_type}");
        }
    }

    #[test]
    fn layers_that_may_not_be_distributed() {
        for media_type in [
            OCI_NONDISTRIBUTABLE_LAYER,
            OCI_NONDISTRIBUTABLE_LAYER_GZIP,
            OCI_NONDISTRIBUTABLE_LAYER_ZSTD,
            DOCKER_FOREIGN_LAYER,
            "application/vnd.oci.image.layer.nondistributable.v1.tar+gzip+encrypted",
        ] {
            assert!(is_nondistributable(media_type), "{media_type}");
        }
        for media_type in ["", OCI_LAYER, OCI_LAYER_GZIP, OCI_LAYER_ZSTD, DOCKER_LAYER, DOCKER_LAYER_GZIP, OCI_CONFIG] {
            assert!(!is_nondistributable(media_type), "{media_type}");
        }
    }
}
