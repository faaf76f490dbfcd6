//! The second copy of every blob.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{
    AzureConfig, BosConfig, CosConfig, FilesystemConfig, GcsConfig, KodoConfig, OssConfig, S3Config, ScsConfig,
    StorageConfig, SwiftConfig, UfileConfig, Variables, present,
};

/// The second copy of every blob: exactly one driver, with the keys that it has below `storage`.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct ReplicateConfig {
    /// The copies go to a directory.
    #[serde(deserialize_with = "present", skip_serializing_if = "Option::is_none")]
    #[schemars(extend("x-same-as" = "storage.filesystem"))]
    pub filesystem: Option<FilesystemConfig>,
    /// The copies go to a bucket of Amazon S3, or of a store that speaks its protocol.
    #[serde(deserialize_with = "present", skip_serializing_if = "Option::is_none")]
    #[schemars(extend("x-same-as" = "storage.s3"))]
    pub s3: Option<S3Config>,
    /// The copies go to a bucket of Google Cloud Storage.
    #[serde(deserialize_with = "present", skip_serializing_if = "Option::is_none")]
    #[schemars(extend("x-same-as" = "storage.gcs"))]
    pub gcs: Option<GcsConfig>,
    /// The copies go to a container of Azure Blob Storage.
    #[serde(deserialize_with = "present", skip_serializing_if = "Option::is_none")]
    #[schemars(extend("x-same-as" = "storage.azure"))]
    pub azure: Option<AzureConfig>,
    /// The copies go to a bucket of Aliyun OSS.
    #[serde(deserialize_with = "present", skip_serializing_if = "Option::is_none")]
    #[schemars(extend("x-same-as" = "storage.oss"))]
    pub oss: Option<OssConfig>,
    /// The copies go to a bucket of Tencent COS.
    #[serde(deserialize_with = "present", skip_serializing_if = "Option::is_none")]
    #[schemars(extend("x-same-as" = "storage.cos"))]
    pub cos: Option<CosConfig>,
    /// The copies go to a bucket of Baidu BOS.
    #[serde(deserialize_with = "present", skip_serializing_if = "Option::is_none")]
    #[schemars(extend("x-same-as" = "storage.bos"))]
    pub bos: Option<BosConfig>,
    /// The copies go to a bucket of Qiniu Kodo.
    #[serde(deserialize_with = "present", skip_serializing_if = "Option::is_none")]
    #[schemars(extend("x-same-as" = "storage.kodo"))]
    pub kodo: Option<KodoConfig>,
    /// The copies go to a bucket of Sohu Cloud Storage.
    #[serde(deserialize_with = "present", skip_serializing_if = "Option::is_none")]
    #[schemars(extend("x-same-as" = "storage.scs"))]
    pub scs: Option<ScsConfig>,
    /// The copies go to a bucket of UCloud UFile.
    #[serde(deserialize_with = "present", skip_serializing_if = "Option::is_none")]
    #[schemars(extend("x-same-as" = "storage.ufile"))]
    pub ufile: Option<UfileConfig>,
    /// The copies go to a container of OpenStack Swift.
    #[serde(deserialize_with = "present", skip_serializing_if = "Option::is_none")]
    #[schemars(extend("x-same-as" = "storage.swift"))]
    pub swift: Option<SwiftConfig>,
    /// How many blobs each server copies at the same time: at least 1.
    pub parallelism: u32,
    /// How many bytes each server reads in a second in order to copy them, at most: at least 65536, or 0 for as many as come.
    pub rate: u64,
    /// Whether the copy of a blob is deleted after the blob was collected. Otherwise it stays.
    pub delete: bool,
}

impl ReplicateConfig {
    /// Returns the second store as one is configured that is the first.
    pub(crate) fn storage(&self) -> StorageConfig {
        let Self { filesystem, s3, gcs, azure, oss, cos, bos, kodo, scs, ufile, swift, .. } = self.clone();
        StorageConfig { filesystem, s3, gcs, azure, oss, cos, bos, kodo, scs, ufile, swift, ..StorageConfig::default() }
    }

    /// Lets drivers find credentials in the process's environment.
    pub(in crate::config) fn set_environment(&mut self, environment: &Variables) {
        let Self { s3, gcs, azure, oss, cos, .. } = self;
        let places = [
            s3.as_mut().map(|s3| &mut s3.environment),
            gcs.as_mut().map(|gcs| &mut gcs.environment),
            azure.as_mut().map(|azure| &mut azure.environment),
            oss.as_mut().map(|oss| &mut oss.environment),
            cos.as_mut().map(|cos| &mut cos.environment),
        ];
        places.into_iter().flatten().for_each(|place| place.clone_from(environment));
    }
}

impl Default for ReplicateConfig {
    fn default() -> Self {
        Self {
            filesystem: None,
            s3: None,
            gcs: None,
            azure: None,
            oss: None,
            cos: None,
            bos: None,
            kodo: None,
            scs: None,
            ufile: None,
            swift: None,
            parallelism: 4,
            rate: 0,
            delete: false,
        }
    }
}
