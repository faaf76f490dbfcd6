//! What no store can mean whose requests are signed with a pair of keys alone.

use registry_storage::driver::bos::BosConfig as BosDriver;
use registry_storage::driver::kodo::KodoConfig as KodoDriver;
use registry_storage::driver::s3::S3Config as S3Driver;

use super::Check;
use crate::config::section::{BosConfig, KodoConfig, KodoProtocol};
use crate::config::value::Secret;

impl Check<'_> {
    pub(super) fn bos(&mut self, bos: &BosConfig) {
        let path = "storage.bos";
        self.bucket_name(path, "bucket", &bos.bucket, "my-images");
        self.bucket_name(path, "region", &bos.region, "bj");
        self.required_keys(path, &bos.accesskey, &bos.secretkey);
        self.secret_word(path, "sessiontoken", &bos.sessiontoken);
        self.word(path, "storageclass", &bos.storageclass);
        self.part_bytes(path, bos.chunksize, BosDriver::MIN_PART_BYTES, BosDriver::MAX_PART_BYTES);
        self.above_zero(&format!("{path}.multipartcopymaxconcurrency"), bos.multipartcopymaxconcurrency == 0);
    }

    pub(super) fn kodo(&mut self, kodo: &KodoConfig) {
        let path = "storage.kodo";
        self.bucket_name(path, "bucket", &kodo.bucket, "my-images");
        self.required_keys(path, &kodo.accesskey, &kodo.secretkey);
        let of_s3 = [("region", kodo.region.as_str()), ("endpoint", &kodo.endpoint)];
        let uchost = if kodo.uchost == KodoConfig::default().uchost { "" } else { &kodo.uchost };
        let of_native = [
            ("uchost", uchost),
            ("uphost", &kodo.uphost),
            ("rshost", &kodo.rshost),
            ("rsfhost", &kodo.rsfhost),
            ("domain", &kodo.domain),
        ];
        match kodo.protocol {
            KodoProtocol::Native => {
                self.keys_of_the_other(path, "s3", &of_s3);
                self.part_bytes(path, kodo.chunksize, KodoDriver::MIN_PART_BYTES, KodoDriver::MAX_PART_BYTES);
            }
            KodoProtocol::S3 => {
                self.bucket_name(path, "region", &kodo.region, "cn-east-1");
                self.keys_of_the_other(path, "native", &of_native);
                self.part_bytes(path, kodo.chunksize, S3Driver::MIN_PART_BYTES, S3Driver::MAX_PART_BYTES);
            }
        }
        self.above_zero(&format!("{path}.multipartcopymaxconcurrency"), kodo.multipartcopymaxconcurrency == 0);
    }

    /// Expects no keys that only another protocol has.
    fn keys_of_the_other(&mut self, section: &str, protocol: &str, keys: &[(&str, &str)]) {
        for (key, _) in keys.iter().filter(|(_, value)| !value.is_empty()) {
            let path = format!("{section}.{key}");
            self.report(&path, format!("`{path}`: expected only with `protocol: {protocol}`"));
        }
    }

    /// Expects both halves of a key, of which the first becomes part of headers.
    fn required_keys(&mut self, section: &str, access_key: &Secret, secret_key: &Secret) {
        for (name, key) in [("accesskey", access_key), ("secretkey", secret_key)] {
            if key.is_empty() {
                let path = format!("{section}.{name}");
                self.report(&path, format!("missing key `{path}`; expected a key of the vendor's"));
            }
        }
        self.secret_word(section, "accesskey", access_key);
    }

    /// Expects nothing, or what can be the value of a header, and does not repeat it.
    fn secret_word(&mut self, section: &str, key: &str, secret: &Secret) {
        if !secret.expose().chars().all(|c| c.is_ascii_graphic()) {
            let path = format!("{section}.{key}");
            self.report(&path, format!("`{path}`: expected a word of ASCII characters"));
        }
    }
}
