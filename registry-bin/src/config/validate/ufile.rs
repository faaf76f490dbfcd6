//! What no bucket of UFile can mean.

use super::Check;
use crate::config::problem::shorten;
use crate::config::section::UfileConfig;

/// What a URL of a bucket looks like.
const EXAMPLE: &str = "http://my-images.cn-bj.ufileos.com";

impl Check<'_> {
    pub(super) fn ufile(&mut self, ufile: &UfileConfig) {
        let path = "storage.ufile";
        let key = format!("{path}.ufile_baseurl");
        let is_url = ufile.ufile_baseurl.parse::<http::Uri>().is_ok_and(|uri| {
            matches!(uri.scheme_str(), Some("http" | "https")) && uri.host().is_some_and(|host| !host.is_empty())
        });
        if ufile.ufile_baseurl.is_empty() {
            self.report(&key, format!("missing key `{key}`; expected the URL of a bucket, such as `{EXAMPLE}`"));
        } else if !is_url {
            let found = shorten(&ufile.ufile_baseurl);
            self.report(&key, format!("`{key}`: expected the URL of a bucket, such as `{EXAMPLE}`, found `{found}`"));
        }
        for (key, secret) in
            [("ufile_public_key", &ufile.ufile_public_key), ("ufile_private_key", &ufile.ufile_private_key)]
        {
            self.needed_secret(path, key, secret);
        }
        self.word(path, "ufile_public_key", ufile.ufile_public_key.expose());
        for (key, found) in [("ufile_retries", ufile.ufile_retries), ("ufile_timeout", ufile.ufile_timeout)] {
            if found == 0 {
                let key = format!("{path}.{key}");
                self.report(&key, format!("`{key}`: expected at least 1, found `0`"));
            }
        }
        self.above_zero(&format!("{path}.multipartcopymaxconcurrency"), ufile.multipartcopymaxconcurrency == 0);
    }
}
