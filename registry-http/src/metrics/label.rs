//! The labels of the HTTP metrics, each with a closed set of values.

use std::fmt;

use http::Method;
use prometheus_client::encoding::{EncodeLabelSet, EncodeLabelValue, LabelValueEncoder};

/// Which part of the API a request is for: a value of the label `handler`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum HandlerLabel {
    /// `/v2/`.
    Base,
    /// The catalog.
    Catalog,
    /// Lists of tags.
    Tags,
    /// Manifests.
    Manifest,
    /// Blobs.
    Blob,
    /// Uploads that begin.
    BlobUpload,
    /// Uploads that go on.
    BlobUploadChunk,
    /// Lists of referrers.
    Referrers,
    /// Anything else, and what is nothing.
    Other,
}

impl HandlerLabel {
    pub(super) const COUNT: usize = Self::Other as usize + 1;

    const fn as_str(self) -> &'static str {
        match self {
            Self::Base => "base",
            Self::Catalog => "catalog",
            Self::Tags => "tags",
            Self::Manifest => "manifest",
            Self::Blob => "blob",
            Self::BlobUpload => "blob_upload",
            Self::BlobUploadChunk => "blob_upload_chunk",
            Self::Referrers => "referrers",
            Self::Other => "other",
        }
    }
}

/// The method of a request, or that it is an unusual one.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(super) enum MethodLabel {
    Get,
    Head,
    Post,
    Put,
    Patch,
    Delete,
    Options,
    Other,
}

impl MethodLabel {
    pub(super) const COUNT: usize = Self::Other as usize + 1;

    const fn as_str(self) -> &'static str {
        match self {
            Self::Get => "get",
            Self::Head => "head",
            Self::Post => "post",
            Self::Put => "put",
            Self::Patch => "patch",
            Self::Delete => "delete",
            Self::Options => "options",
            Self::Other => "other",
        }
    }
}

impl From<&Method> for MethodLabel {
    fn from(method: &Method) -> Self {
        match *method {
            Method::GET => Self::Get,
            Method::HEAD => Self::Head,
            Method::POST => Self::Post,
            Method::PUT => Self::Put,
            Method::PATCH => Self::Patch,
            Method::DELETE => Self::Delete,
            Method::OPTIONS => Self::Options,
            _ => Self::Other,
        }
    }
}

impl EncodeLabelValue for HandlerLabel {
    fn encode(&self, encoder: &mut LabelValueEncoder<'_>) -> Result<(), fmt::Error> {
        EncodeLabelValue::encode(&self.as_str(), encoder)
    }
}

impl EncodeLabelValue for MethodLabel {
    fn encode(&self, encoder: &mut LabelValueEncoder<'_>) -> Result<(), fmt::Error> {
        EncodeLabelValue::encode(&self.as_str(), encoder)
    }
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
pub(super) struct CodeLabels {
    pub(super) code: u16,
    pub(super) handler: HandlerLabel,
    pub(super) method: MethodLabel,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
pub(super) struct MethodLabels {
    pub(super) handler: HandlerLabel,
    pub(super) method: MethodLabel,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
pub(super) struct HandlerLabels {
    pub(super) handler: HandlerLabel,
}
