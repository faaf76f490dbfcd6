//! What no store of S3's family can mean.

use registry_storage::driver::cos::CosConfig as CosDriver;
use registry_storage::driver::oss::OssConfig as OssDriver;
use registry_storage::driver::s3::S3Config as S3Driver;
use registry_storage::driver::scs::ScsConfig as ScsDriver;

use super::Check;
use crate::config::problem::shorten;
use crate::config::section::{CosConfig, OssConfig, ScsConfig};
use crate::config::value::Secret;

impl Check<'_> {
    pub(super) fn oss(&mut self, oss: &OssConfig) {
        let path = "storage.oss";
        self.bucket_name(path, "bucket", &oss.bucket, "my-images");
        self.bucket_name(path, "region", &oss.region, "cn-hangzhou");
        self.key_pair(path, ("accesskeyid", &oss.accesskeyid), ("accesskeysecret", &oss.accesskeysecret));
        self.part_bytes(path, oss.chunksize, OssDriver::MIN_PART_BYTES, S3Driver::MAX_PART_BYTES);
        self.above_zero(&format!("{path}.multipartcopymaxconcurrency"), oss.multipartcopymaxconcurrency == 0);
        self.word(path, "encryptionkeyid", &oss.encryptionkeyid);
    }

    pub(super) fn cos(&mut self, cos: &CosConfig) {
        let path = "storage.cos";
        self.bucket_name(path, "bucket", &cos.bucket, "my-images-1250000000");
        self.bucket_name(path, "region", &cos.region, "ap-guangzhou");
        self.key_pair(path, ("secretid", &cos.secretid), ("secretkey", &cos.secretkey));
        self.part_bytes(path, cos.chunksize, CosDriver::MIN_PART_BYTES, S3Driver::MAX_PART_BYTES);
        self.above_zero(&format!("{path}.multipartcopymaxconcurrency"), cos.multipartcopymaxconcurrency == 0);
        self.word(path, "encryptionkeyid", &cos.encryptionkeyid);
        self.word(path, "storageclass", &cos.storageclass);
    }

    pub(super) fn scs(&mut self, scs: &ScsConfig) {
        let path = "storage.scs";
        self.bucket_name(path, "bucket", &scs.bucket, "my-images");
        for (key, secret) in [("accesskey", &scs.accesskey), ("secretkey", &scs.secretkey)] {
            self.needed_secret(path, key, secret);
        }
        self.word(path, "accesskey", scs.accesskey.expose());
        if scs.endpoint.is_empty() && ScsDriver::sohu_host(&scs.region).is_none() {
            let (key, found) = (format!("{path}.region"), shorten(&scs.region));
            let names = ScsDriver::REGIONS.map(|name| format!("`{name}`")).join(", ");
            let message = match scs.region.is_empty() {
                true => format!("missing key `{key}`; expected one of {names}, or `{path}.endpoint`"),
                false => format!("`{key}`: expected one of {names}, or `{path}.endpoint`, found `{found}`"),
            };
            self.report(&key, message);
        }
        self.part_bytes(path, scs.chunksize, ScsDriver::MIN_PART_BYTES, S3Driver::MAX_PART_BYTES);
    }

    /// Expects a secret.
    pub(super) fn needed_secret(&mut self, section: &str, key: &str, secret: &Secret) {
        if secret.is_empty() {
            let path = format!("{section}.{key}");
            self.report(&path, format!("missing key `{path}`; expected the key that the store gave out"));
        }
    }

    /// Expects a name of a bucket or a region.
    pub(super) fn bucket_name(&mut self, section: &str, key: &str, value: &str, example: &str) {
        let path = format!("{section}.{key}");
        let is_name = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '.' | '_');
        if value.is_empty() {
            self.report(&path, format!("missing key `{path}`; expected a name such as `{example}`"));
        } else if !value.chars().all(is_name) {
            let found = shorten(value);
            self.report(&path, format!("`{path}`: expected a name such as `{example}`, found `{found}`"));
        }
    }

    /// Expects both halves of a key, or neither.
    pub(super) fn key_pair(&mut self, section: &str, id: (&str, &Secret), secret: (&str, &Secret)) {
        if id.1.is_empty() != secret.1.is_empty() {
            let missing = format!("{section}.{}", if id.1.is_empty() { id.0 } else { secret.0 });
            self.report(&missing, format!("missing key `{missing}`; expected both keys, or neither"));
        }
    }

    /// Expects a size of parts that the store takes.
    pub(super) fn part_bytes(&mut self, section: &str, found: u64, least: u64, most: u64) {
        if found < least || found > most {
            let path = format!("{section}.chunksize");
            self.report(&path, format!("`{path}`: expected {least} to {most} bytes, found `{found}`"));
        }
    }

    /// Expects nothing, or what can be the value of a header.
    pub(super) fn word(&mut self, section: &str, key: &str, value: &str) {
        if !value.chars().all(|c| c.is_ascii_graphic()) {
            let (path, found) = (format!("{section}.{key}"), shorten(value));
            self.report(&path, format!("`{path}`: expected a word of ASCII characters, found `{found}`"));
        }
    }
}
