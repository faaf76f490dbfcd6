//! How the registry is reached.

use std::collections::BTreeMap;

use registry_http::server;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::TlsConfig;
use crate::config::value::{ExternalUrl, GoDuration, ListenAddress, PathPrefix, Secret, TrustedProxy};

/// How the registry is reached.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct HttpConfig {
    /// Where the registry listens: `HOST:PORT`, `:PORT` for every interface, or the path of a unix socket.
    pub addr: ListenAddress,
    /// `tcp` or `unix`. Default: what `http.addr` looks like.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub net: Option<Network>,
    /// The path below which the registry answers, such as `/registry/`. Default: the root.
    pub prefix: PathPrefix,
    /// The URL under which clients reach the registry, such as `https://registry.example.com`. Default: what the
    /// request says.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub host: Option<ExternalUrl>,
    /// The secret that distribution signs the state of uploads with. Accepted without effect: that state is in the
    /// database.
    pub secret: Secret,
    /// Whether `Location` headers are relative. Default: true, and false if `http.host` is given.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub relativeurls: Option<bool>,
    /// How long requests may take to finish after the registry was told to stop: a duration; 0 ends them at once.
    pub draintimeout: GoDuration,
    /// Headers that are added to every response: lists of values by name.
    pub headers: BTreeMap<String, Vec<String>>,
    /// The proxies whose `Forwarded` and `X-Forwarded-*` headers are believed: addresses, networks, and `unix` for
    /// whoever connects to the unix socket. Default: none.
    pub trustedproxies: Vec<TrustedProxy>,
    /// Limits on what a client may take.
    pub limits: LimitsConfig,
    /// The listener for operators.
    pub debug: DebugConfig,
    /// HTTP/2 over TLS.
    pub http2: Http2Config,
    /// HTTP/2 without TLS.
    pub h2c: H2cConfig,
    /// TLS.
    pub tls: TlsConfig,
}

impl Default for HttpConfig {
    fn default() -> Self {
        Self {
            addr: ListenAddress::new(server::ListenAddress::Tcp { host: "127.0.0.1".to_owned(), port: 5000 }),
            net: None,
            prefix: PathPrefix::default(),
            host: None,
            secret: Secret::default(),
            relativeurls: None,
            draintimeout: GoDuration::new(server::Deadlines::default().drain),
            headers: BTreeMap::new(),
            trustedproxies: Vec::new(),
            limits: LimitsConfig::default(),
            debug: DebugConfig::default(),
            http2: Http2Config::default(),
            h2c: H2cConfig::default(),
            tls: TlsConfig::default(),
        }
    }
}

/// The kind of a listener's address.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum Network {
    /// A TCP port.
    Tcp,
    /// A unix socket.
    Unix,
}

/// Limits on what a client may take.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct LimitsConfig {
    /// How long a TLS handshake may take: a duration above zero.
    pub handshaketimeout: GoDuration,
    /// How long a client may take to send the head of a request: a duration above zero.
    pub headertimeout: GoDuration,
    /// How long a connection may stay open between two requests: a duration above zero.
    pub idletimeout: GoDuration,
    /// How long the registry waits for `http.limits.bodyminbytes` of a body to move: a duration above zero.
    pub bodytimeout: GoDuration,
    /// How many bytes of a body must move within `http.limits.bodytimeout`, in either direction; 0 for no least.
    pub bodyminbytes: u64,
    /// How many connections may be open at the same time, at least 1; further clients wait.
    pub maxconnections: u32,
    /// The longest head of a request in bytes, at least 8192.
    pub maxheaderbytes: u32,
    /// How many requests one HTTP/2 connection may have in flight, at least 1.
    pub maxstreams: u32,
}

impl Default for LimitsConfig {
    fn default() -> Self {
        let (deadlines, limits) = (server::Deadlines::default(), server::Limits::default());
        Self {
            handshaketimeout: GoDuration::new(deadlines.tls_handshake),
            headertimeout: GoDuration::new(deadlines.header),
            idletimeout: GoDuration::new(deadlines.idle),
            bodytimeout: GoDuration::new(deadlines.body.window),
            bodyminbytes: deadlines.body.min_bytes,
            maxconnections: u32::try_from(limits.connections).unwrap_or(u32::MAX),
            maxheaderbytes: limits.header_bytes,
            maxstreams: limits.concurrent_streams,
        }
    }
}

/// The listener for operators: health, metrics. Nobody is asked for a password there.
#[derive(Debug, Clone, Default, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct DebugConfig {
    /// Where it listens, as `http.addr`. Default: there is none.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub addr: Option<ListenAddress>,
    /// Metrics for Prometheus.
    pub prometheus: PrometheusConfig,
}

/// Metrics for Prometheus, on the listener for operators.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct PrometheusConfig {
    /// Whether there are metrics.
    pub enabled: bool,
    /// Their path.
    pub path: String,
}

impl Default for PrometheusConfig {
    fn default() -> Self {
        Self { enabled: false, path: "/metrics".to_owned() }
    }
}

/// HTTP/2 over TLS.
#[derive(Debug, Clone, Default, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct Http2Config {
    /// Whether HTTP/2 is not offered.
    pub disabled: bool,
}

/// HTTP/2 without TLS.
#[derive(Debug, Clone, Default, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct H2cConfig {
    /// Whether HTTP/2 is accepted on connections without TLS.
    pub enabled: bool,
}
