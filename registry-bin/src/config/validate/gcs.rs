//! What no bucket of Google Cloud Storage can mean.

use registry_storage::driver::gcs::GcsConfig as GcsDriver;

use super::Check;
use crate::config::problem::shorten;
use crate::config::section::GcsConfig;

impl Check<'_> {
    pub(super) fn gcs(&mut self, gcs: &GcsConfig) {
        let at = |key: &str| format!("storage.gcs.{key}");
        let is_name = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '.' | '_');
        if gcs.bucket.is_empty() {
            let message = format!("missing key `{}`; expected a name such as `my-images`", at("bucket"));
            self.report(&at("bucket"), message);
        } else if !gcs.bucket.chars().all(is_name) {
            let found = shorten(&gcs.bucket);
            let message = format!("`{}`: expected a name such as `my-images`, found `{found}`", at("bucket"));
            self.report(&at("bucket"), message);
        }
        let key = at("credentials");
        if !gcs.credentials.is_empty() && gcs.keyfile.is_some() {
            self.report(&key, format!("`{key}`: expected `keyfile` or `credentials`, found both"));
        } else if !gcs.credentials.is_empty() && !gcs.credentials.has_text("type") {
            let message = format!("`{key}`: expected a credential as Google writes it, with `type`");
            self.report(&key, message);
        }
        let (least, most) = (GcsDriver::MIN_PART_BYTES, GcsDriver::MAX_PART_BYTES);
        if gcs.chunksize < least || gcs.chunksize > most || !gcs.chunksize.is_multiple_of(least) {
            let (key, found) = (at("chunksize"), gcs.chunksize);
            self.report(&key, format!("`{key}`: expected a multiple of {least} up to {most} bytes, found `{found}`"));
        }
        self.above_zero(&at("maxconcurrency"), gcs.maxconcurrency == 0);
    }
}
