//! Sections of distribution of which nothing exists here yet. Their keys are known, so that each is refused by name.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::config::value::Unsupported;

macro_rules! unsupported_section {
    ($(#[$doc:meta])* $name:ident { $($(#[$attribute:meta])* $key:ident,)* }) => {
        $(#[$doc])*
        #[derive(Debug, Clone, Default, Serialize, Deserialize, JsonSchema)]
        #[serde(default, deny_unknown_fields)]
        pub struct $name {
            $(
                #[doc = "Not supported yet."]
                $(#[$attribute])*
                pub $key: Unsupported,
            )*
        }
    };
}

unsupported_section! {
    /// Middleware. Not supported yet.
    MiddlewareConfig { registry, repository, storage, }
}

unsupported_section! {
    /// Webhooks. Not supported yet.
    NotificationsConfig {
        #[schemars(extend("x-variable" = "EVENTCONFIG"))]
        events,
        endpoints,
    }
}

unsupported_section! {
    /// Pulling through from another registry. Not supported yet.
    ProxyConfig { remoteurl, username, password, exec, ttl, cachewritetimeout, }
}

unsupported_section! {
    /// Rules for repositories. Not supported yet.
    PolicyConfig { repository, }
}

unsupported_section! {
    /// A Redis server, with the keys of distribution 2 and 3. Not supported yet.
    RedisConfig {
        addr, pool,
        addrs, clientname, db, protocol, username, password, sentinelusername, sentinelpassword, mastername,
        maxretries, minretrybackoff, maxretrybackoff,
        dialtimeout, readtimeout, writetimeout, contexttimeoutenabled,
        poolfifo, poolsize, pooltimeout, minidleconns, maxidleconns, maxactiveconns, connmaxidletime, connmaxlifetime,
        maxredirects, readonly, routebylatency, routerandomly,
        disableidentity, identitysuffix, unstableresp3, tls,
    }
}
