//! Images of the first registry (docker-registry 0.x), as far as they can be made images of today.
//!
//! There, an image is a layer with a description, and a list of its ancestors' ids, itself first and the root last. A tag
//! points to an image by its id. Ids were drawn, not computed.
//!
//! Source: docker-archive/docker-registry, `docker_registry/images.py`.

mod conversion;
mod image_id;

pub use conversion::{Converted, ImageLayer, convert};
pub use image_id::{ImageId, ImageIdError};

/// Why an image cannot be made one of today.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ImageError {
    /// An id is none.
    #[error(transparent)]
    Id(#[from] ImageIdError),
    /// The list of ancestors is none.
    #[error("the list of ancestors of image `{id}` is not valid JSON")]
    Ancestry {
        /// The image.
        id: ImageId,
        /// What is wrong with it.
        source: serde_json::Error,
    },
    /// The list of ancestors does not begin with the image, or is too long.
    #[error("the list of ancestors of image `{id}` has {count} images; expected it first, and at most {ANCESTORS_MAX}")]
    Ancestors {
        /// The image.
        id: ImageId,
        /// How many there are.
        count: usize,
    },
    /// The description is none.
    #[error("the description of image `{id}` is not valid JSON")]
    Description {
        /// The image.
        id: ImageId,
        /// What is wrong with it.
        source: serde_json::Error,
    },
}

/// How many images may be in one another; Docker allowed 127.
pub const ANCESTORS_MAX: usize = 1000;

/// Reads the list of an image's ancestors: itself first, the root last.
///
/// # Errors
/// If it is not such a list.
pub fn ancestry(id: &ImageId, text: &[u8]) -> Result<Vec<ImageId>, ImageError> {
    let ids: Vec<String> =
        serde_json::from_slice(text).map_err(|source| ImageError::Ancestry { id: id.clone(), source })?;
    if ids.len() > ANCESTORS_MAX || ids.first().is_none_or(|first| first != id.as_str()) {
        return Err(ImageError::Ancestors { id: id.clone(), count: ids.len() });
    }
    ids.iter().map(|id| Ok(id.parse()?)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ancestors_begin_with_the_image() {
        let (own, parent) = ("a".repeat(64), "b".repeat(16));
        let id: ImageId = own.parse().unwrap();
        let found = ancestry(&id, format!(r#"["{own}", "{parent}"]"#).as_bytes()).unwrap();
        assert_eq!(found, [id.clone(), parent.parse().unwrap()]);
        let many = vec![format!("\"{own}\""); ANCESTORS_MAX + 1].join(",");
        for text in ["", "{}", "[]", &format!(r#"["{parent}"]"#), &format!(r#"["{own}", "x"]"#), &format!("[{many}]")] {
            assert!(ancestry(&id, text.as_bytes()).is_err(), "{text:.80}");
        }
    }
}
