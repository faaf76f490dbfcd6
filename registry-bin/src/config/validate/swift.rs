//! What no Swift store can mean.

use registry_storage::driver::swift::{SwiftAuthVersion, SwiftConfig as SwiftDriver};

use super::Check;
use crate::config::problem::shorten;
use crate::config::section::SwiftConfig;

/// The longest name of a container in bytes, with room for what the driver adds to it.
const CONTAINER_MAX_BYTES: usize = 240;

impl Check<'_> {
    pub(super) fn swift(&mut self, swift: &SwiftConfig) {
        let at = |key: &str| format!("storage.swift.{key}");
        for (key, is_missing, expected) in [
            ("authurl", swift.authurl.is_empty(), "a URL such as `https://keystone.example.com:5000/v3`"),
            ("username", swift.username.is_empty(), "the name of a user"),
            ("password", swift.password.is_empty(), "the user's password"),
            ("container", swift.container.is_empty(), "a name such as `my-images`"),
        ] {
            if is_missing {
                self.report(&at(key), format!("missing key `{}`; expected {expected}", at(key)));
            }
        }
        self.swift_login(swift);
        if swift.container.contains('/') || swift.container.len() > CONTAINER_MAX_BYTES {
            let (key, found) = (at("container"), shorten(&swift.container));
            let expected = format!("a name such as `my-images` of at most {CONTAINER_MAX_BYTES} bytes");
            self.report(&key, format!("`{key}`: expected {expected}, found `{found}`"));
        }
        let (least, most) = (SwiftDriver::MIN_PART_BYTES, SwiftDriver::MAX_PART_BYTES);
        if swift.chunksize < least || swift.chunksize > most {
            let (key, found) = (at("chunksize"), swift.chunksize);
            self.report(&key, format!("`{key}`: expected {least} to {most} bytes, found `{found}`"));
        }
        self.above_zero(&at("multipartcopymaxconcurrency"), swift.multipartcopymaxconcurrency == 0);
    }

    fn swift_login(&mut self, swift: &SwiftConfig) {
        let is_url = swift.authurl.parse::<http::Uri>().is_ok_and(|uri| {
            matches!(uri.scheme_str(), Some("http" | "https")) && uri.host().is_some_and(|host| !host.is_empty())
        });
        if !is_url && !swift.authurl.is_empty() {
            let (key, found) = ("storage.swift.authurl", shorten(&swift.authurl));
            let example = "https://keystone.example.com:5000/v3";
            self.report(key, format!("`{key}`: expected a URL such as `{example}`, found `{found}`"));
        }
        let key = "storage.swift.authversion";
        match swift.authversion {
            Some(1..=3) => {}
            Some(found) => self.report(key, format!("`{key}`: expected 1, 2 or 3, found `{found}`")),
            None if is_url && SwiftAuthVersion::in_url(&swift.authurl).is_none() => {
                self.report(key, format!("missing key `{key}`; expected 1, 2 or 3, since `authurl` names no version"));
            }
            None => {}
        }
        for (name, id, [name_key, id_key]) in [
            (&swift.tenant, &swift.tenantid, ["tenant", "tenantid"]),
            (&swift.tenantdomain, &swift.tenantdomainid, ["tenantdomain", "tenantdomainid"]),
            (&swift.domain, &swift.domainid, ["domain", "domainid"]),
        ] {
            if !name.is_empty() && !id.is_empty() {
                let key = format!("storage.swift.{id_key}");
                self.report(&key, format!("`{key}`: expected `{name_key}` or `{id_key}`, found both"));
            }
        }
    }
}
