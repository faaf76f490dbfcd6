//! Where the bytes are kept.

use std::path::PathBuf;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{
    AzureConfig, BosConfig, CosConfig, GcsConfig, KodoConfig, OssConfig, ReplicateConfig, S3Config, ScsConfig,
    SwiftConfig, UfileConfig, named, present,
};
use crate::config::value::{DatabaseUrl, GoDuration, Network, Opaque};

/// Where the bytes are kept: exactly one driver, and what holds for all of them.
#[derive(Debug, Clone, Default, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
#[schemars(extend("type" = ["object", "string"]))]
pub struct StorageConfig {
    /// The driver for a directory.
    #[serde(deserialize_with = "present", skip_serializing_if = "Option::is_none")]
    pub filesystem: Option<FilesystemConfig>,
    /// The driver for memory: everything is lost when the process ends. For tests.
    #[serde(deserialize_with = "present", skip_serializing_if = "Option::is_none")]
    pub inmemory: Option<InMemoryConfig>,
    /// The driver for Amazon S3, and for stores that speak its protocol.
    #[serde(deserialize_with = "present", skip_serializing_if = "Option::is_none")]
    pub s3: Option<S3Config>,
    /// Another name of `storage.s3`, with the same keys.
    #[serde(deserialize_with = "present", skip_serializing_if = "Option::is_none")]
    #[schemars(with = "Option<Opaque>")]
    pub s3aws: Option<S3Config>,
    /// The driver for Google Cloud Storage.
    #[serde(deserialize_with = "present", skip_serializing_if = "Option::is_none")]
    pub gcs: Option<GcsConfig>,
    /// The driver for Azure Blob Storage.
    #[serde(deserialize_with = "present", skip_serializing_if = "Option::is_none")]
    pub azure: Option<AzureConfig>,
    /// The driver for Aliyun OSS.
    #[serde(deserialize_with = "present", skip_serializing_if = "Option::is_none")]
    pub oss: Option<OssConfig>,
    /// The driver for Tencent COS.
    #[serde(deserialize_with = "present", skip_serializing_if = "Option::is_none")]
    pub cos: Option<CosConfig>,
    /// The driver for Baidu BOS.
    #[serde(deserialize_with = "present", skip_serializing_if = "Option::is_none")]
    pub bos: Option<BosConfig>,
    /// The driver for Qiniu Kodo.
    #[serde(deserialize_with = "present", skip_serializing_if = "Option::is_none")]
    pub kodo: Option<KodoConfig>,
    /// The driver for Sohu Cloud Storage.
    #[serde(deserialize_with = "present", skip_serializing_if = "Option::is_none")]
    pub scs: Option<ScsConfig>,
    /// The driver for UCloud UFile.
    #[serde(deserialize_with = "present", skip_serializing_if = "Option::is_none")]
    pub ufile: Option<UfileConfig>,
    /// The driver for OpenStack Swift.
    #[serde(deserialize_with = "present", skip_serializing_if = "Option::is_none")]
    pub swift: Option<SwiftConfig>,
    /// A second copy of every blob. Default: there is none.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub replicate: Option<ReplicateConfig>,
    /// Deleting.
    pub delete: DeleteConfig,
    /// What distribution's own files in the storage are used for.
    pub layout: LayoutConfig,
    /// Redirects to the storage.
    pub redirect: RedirectConfig,
    /// Caches of blob descriptors.
    pub cache: CacheConfig,
    /// What is done to the storage from time to time.
    pub maintenance: MaintenanceConfig,
    /// Looking up tags.
    pub tag: TagConfig,
}

/// The driver that a configuration names.
#[derive(Debug, Clone, Copy)]
pub enum StorageDriver<'a> {
    /// A directory.
    Filesystem(&'a FilesystemConfig),
    /// A bucket.
    S3(&'a S3Config),
    /// A bucket at Google.
    Gcs(&'a GcsConfig),
    /// A container of Azure.
    Azure(&'a AzureConfig),
    /// A bucket of Aliyun's.
    Oss(&'a OssConfig),
    /// A bucket of Tencent's.
    Cos(&'a CosConfig),
    /// A bucket of Baidu's.
    Bos(&'a BosConfig),
    /// A bucket of Qiniu's.
    Kodo(&'a KodoConfig),
    /// A bucket of Sohu's.
    Scs(&'a ScsConfig),
    /// A bucket of UCloud's.
    Ufile(&'a UfileConfig),
    /// A container of Swift.
    Swift(&'a SwiftConfig),
    /// Memory.
    InMemory,
}

impl StorageConfig {
    /// Returns the driver. A loaded configuration names exactly one.
    pub fn driver(&self) -> StorageDriver<'_> {
        let named = [
            self.filesystem.as_ref().map(StorageDriver::Filesystem),
            self.s3.as_ref().or(self.s3aws.as_ref()).map(StorageDriver::S3),
            self.gcs.as_ref().map(StorageDriver::Gcs),
            self.azure.as_ref().map(StorageDriver::Azure),
            self.oss.as_ref().map(StorageDriver::Oss),
            self.cos.as_ref().map(StorageDriver::Cos),
            self.bos.as_ref().map(StorageDriver::Bos),
            self.kodo.as_ref().map(StorageDriver::Kodo),
            self.scs.as_ref().map(StorageDriver::Scs),
            self.ufile.as_ref().map(StorageDriver::Ufile),
            self.swift.as_ref().map(StorageDriver::Swift),
        ];
        named.into_iter().flatten().next().unwrap_or(StorageDriver::InMemory)
    }

    /// Returns the names of the drivers that are there.
    pub(in crate::config) fn named_drivers(&self) -> Vec<&'static str> {
        named(&[
            ("filesystem", self.filesystem.is_some()),
            ("inmemory", self.inmemory.is_some()),
            ("s3", self.s3.is_some()),
            ("s3aws", self.s3aws.is_some()),
            ("gcs", self.gcs.is_some()),
            ("azure", self.azure.is_some()),
            ("oss", self.oss.is_some()),
            ("cos", self.cos.is_some()),
            ("bos", self.bos.is_some()),
            ("kodo", self.kodo.is_some()),
            ("scs", self.scs.is_some()),
            ("ufile", self.ufile.is_some()),
            ("swift", self.swift.is_some()),
        ])
    }

    /// Returns where the metadata are kept when nothing else is said: beside the bytes, or where the bytes would be.
    pub(crate) fn default_database(&self) -> DatabaseUrl {
        match self.driver() {
            StorageDriver::Filesystem(filesystem) => DatabaseUrl::Sqlite(filesystem.rootdirectory.join("registry.db")),
            StorageDriver::InMemory => DatabaseUrl::Memory,
            _ => DatabaseUrl::Sqlite(FilesystemConfig::default().rootdirectory.join("registry.db")),
        }
    }
}

/// The driver for a directory.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct FilesystemConfig {
    /// The directory, in which `docker/registry/v2` is.
    pub rootdirectory: PathBuf,
    /// How many operations on files may run at the same time. Less than 25 is taken as 25.
    pub maxthreads: u32,
}

impl Default for FilesystemConfig {
    fn default() -> Self {
        Self { rootdirectory: "/var/lib/registry".into(), maxthreads: 100 }
    }
}

/// The driver for memory. It has no settings.
#[derive(Debug, Clone, Default, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct InMemoryConfig {}

/// Deleting.
#[derive(Debug, Clone, Default, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct DeleteConfig {
    /// Whether clients may delete manifests, tags and blobs.
    pub enabled: bool,
}

/// What distribution's own files in the storage are used for.
#[derive(Debug, Clone, Default, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct LayoutConfig {
    /// Whether what distribution left in the storage is served and imported while the registry runs.
    pub adopt: bool,
    /// Whether changes are written as distribution does it as well, so that it can take the storage back.
    pub links: bool,
}

/// Redirects to the storage.
#[derive(Debug, Clone, Default, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct RedirectConfig {
    /// Whether the registry always sends the bytes of blobs itself. Otherwise clients are sent to the storage, where that is
    /// an object store whose addresses the registry can sign.
    pub disable: bool,
    /// The networks whose clients are sent to the storage; all others get the bytes from the registry. Default: all
    /// clients are sent.
    pub networks: Vec<Network>,
}

/// Caches of blob descriptors.
#[derive(Debug, Clone, Default, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct CacheConfig {
    /// The cache. `inmemory` is accepted without effect; `redis` is not supported yet.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub blobdescriptor: Option<BlobDescriptorCache>,
    /// The older name of `storage.cache.blobdescriptor`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub layerinfo: Option<BlobDescriptorCache>,
    /// How many descriptors the cache holds. Accepted without effect.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub blobdescriptorsize: Option<u64>,
}

/// Where blob descriptors are cached.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum BlobDescriptorCache {
    /// In the process.
    InMemory,
    /// In Redis.
    Redis,
}

/// What is done to the storage from time to time.
#[derive(Debug, Clone, Default, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct MaintenanceConfig {
    /// Removing uploads that nobody finished.
    pub uploadpurging: UploadPurgingConfig,
    /// Freeing what nothing refers to any more.
    pub garbagecollection: GarbageCollectionConfig,
    /// Serving without writing.
    pub readonly: ReadOnlyConfig,
    /// Reading everything, to find what a disk has damaged.
    pub scrub: ScrubConfig,
}

/// Removing uploads that nobody finished.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct UploadPurgingConfig {
    /// Whether unfinished uploads are removed.
    pub enabled: bool,
    /// How long an upload may stand still before it is removed: a duration.
    pub age: GoDuration,
    /// The time between two searches: a duration.
    pub interval: GoDuration,
    /// Whether removals are only logged.
    pub dryrun: bool,
}

impl Default for UploadPurgingConfig {
    fn default() -> Self {
        Self {
            enabled: true,
            age: GoDuration::from_secs(7 * 24 * 3600),
            interval: GoDuration::from_secs(24 * 3600),
            dryrun: false,
        }
    }
}

/// Freeing what nothing refers to any more.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct GarbageCollectionConfig {
    /// Whether garbage is collected while the registry serves.
    pub enabled: bool,
    /// How long something stays that nothing refers to any more: a duration. What is being pushed stays for an hour at
    /// least.
    pub graceperiod: GoDuration,
    /// The time between two collections: a duration. Without a grace period it is a second at most.
    pub interval: GoDuration,
    /// How many blobs are deleted at the same time.
    pub parallelism: u32,
    /// Whether manifests are deleted that have no tag, unless an index lists them or they refer to one that is there. If it
    /// is not set, they are deleted only without a grace period.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub deleteuntagged: Option<bool>,
}

impl GarbageCollectionConfig {
    /// Tells whether manifests without a tag are deleted.
    pub(crate) fn deletes_untagged(&self) -> bool {
        self.deleteuntagged.unwrap_or(self.graceperiod.is_zero())
    }
}

impl Default for GarbageCollectionConfig {
    fn default() -> Self {
        Self {
            enabled: true,
            graceperiod: GoDuration::from_secs(24 * 3600),
            interval: GoDuration::from_secs(300),
            parallelism: 8,
            deleteuntagged: None,
        }
    }
}

/// Serving without writing.
#[derive(Debug, Clone, Default, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct ReadOnlyConfig {
    /// Whether pushes and deletes are refused with 405.
    pub enabled: bool,
}

/// Reading everything, to find what a disk has damaged.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct ScrubConfig {
    /// Whether everything that is stored is read while the registry serves.
    pub enabled: bool,
    /// The time from the beginning of one reading to that of the next: a duration.
    pub interval: GoDuration,
    /// How many bytes are read in a second at most: at least 65536.
    pub rate: u64,
}

impl Default for ScrubConfig {
    fn default() -> Self {
        Self { enabled: false, interval: GoDuration::from_secs(30 * 24 * 3600), rate: 20_000_000 }
    }
}

/// Looking up tags.
#[derive(Debug, Clone, Default, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct TagConfig {
    /// How many tags are looked up at the same time. Accepted without effect: one query finds them all.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub concurrencylimit: Option<u32>,
}
