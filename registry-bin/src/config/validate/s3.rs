//! What no S3 store can mean.

use registry_storage::driver::s3::S3Config as S3Driver;

use super::Check;
use crate::config::problem::shorten;
use crate::config::section::S3Config;

impl Check<'_> {
    pub(super) fn s3(&mut self, name: &str, s3: &S3Config) {
        let at = |key: &str| format!("storage.{name}.{key}");
        for (key, value, example) in [("bucket", &s3.bucket, "my-images"), ("region", &s3.region, "eu-central-1")] {
            let is_name = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '.' | '_');
            if value.is_empty() {
                self.report(&at(key), format!("missing key `{}`; expected a name such as `{example}`", at(key)));
            } else if !value.chars().all(is_name) {
                let found = shorten(value);
                self.report(&at(key), format!("`{}`: expected a name such as `{example}`, found `{found}`", at(key)));
            }
        }
        if s3.accesskey.is_empty() != s3.secretkey.is_empty() {
            let missing = if s3.accesskey.is_empty() { at("accesskey") } else { at("secretkey") };
            self.report(&missing, format!("missing key `{missing}`; expected both keys, or neither"));
        }
        if !s3.v4auth {
            self.report(&at("v4auth"), format!("not supported: {}: false", at("v4auth")));
        }
        let least = S3Driver::MIN_PART_BYTES;
        if s3.chunksize < least || s3.chunksize > S3Driver::MAX_PART_BYTES {
            let message = format!(
                "`{}`: expected {least} to {} bytes, found `{}`",
                at("chunksize"),
                S3Driver::MAX_PART_BYTES,
                s3.chunksize
            );
            self.report(&at("chunksize"), message);
        }
        self.above_zero(&at("multipartcopymaxconcurrency"), s3.multipartcopymaxconcurrency == 0);
        for (key, value) in [("keyid", &s3.keyid), ("storageclass", &s3.storageclass), ("objectacl", &s3.objectacl)] {
            if !value.chars().all(|c| c.is_ascii_graphic()) {
                let found = shorten(value);
                self.report(&at(key), format!("`{}`: expected a word of ASCII characters, found `{found}`", at(key)));
            }
        }
    }
}
