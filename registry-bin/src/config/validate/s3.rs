//! What no S3 store can mean.

use registry_storage::driver::s3::S3Config as S3Driver;

use super::Check;
use crate::config::section::S3Config;

impl Check<'_> {
    pub(super) fn s3(&mut self, name: &str, s3: &S3Config) {
        let section = &format!("storage.{name}");
        self.bucket_name(section, "bucket", &s3.bucket, "my-images");
        self.bucket_name(section, "region", &s3.region, "eu-central-1");
        self.key_pair(section, ("accesskey", &s3.accesskey), ("secretkey", &s3.secretkey));
        if !s3.v4auth {
            let path = format!("{section}.v4auth");
            self.report(&path, format!("not supported: {path}: false"));
        }
        self.part_bytes(section, s3.chunksize, S3Driver::MIN_PART_BYTES, S3Driver::MAX_PART_BYTES);
        self.above_zero(&format!("{section}.multipartcopymaxconcurrency"), s3.multipartcopymaxconcurrency == 0);
        for (key, value) in [("keyid", &s3.keyid), ("storageclass", &s3.storageclass), ("objectacl", &s3.objectacl)] {
            self.word(section, key, value);
        }
    }
}
