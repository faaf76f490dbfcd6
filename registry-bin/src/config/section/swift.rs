//! The driver for OpenStack Swift.

use registry_storage::driver::object::TransferConfig;
use registry_storage::driver::swift::SwiftConfig as Driver;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::config::value::Secret;

/// The driver for a container of OpenStack Swift.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct SwiftConfig {
    /// Where to log in: Keystone, such as `https://keystone.example.com:5000/v3`, or Swift itself, such as
    /// `https://swift.example.com/auth/v1.0`. Required.
    pub authurl: String,
    /// The version of the login: 1, 2 or 3. Default: the one that `authurl` names.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub authversion: Option<u8>,
    /// The name of the user; with version 1, `account:user`. Required.
    pub username: String,
    /// The user's password, or key. Required.
    pub password: Secret,
    /// The region of the store. Default: the first in Keystone's catalog.
    pub region: String,
    /// The container. It is made if it does not exist. Required.
    pub container: String,
    /// The name of the project, which was once called tenant.
    pub tenant: String,
    /// The project's id, instead of its name.
    pub tenantid: String,
    /// The name of the domain that the project is in. Default: the user's.
    pub tenantdomain: String,
    /// The id of the domain that the project is in, instead of its name.
    pub tenantdomainid: String,
    /// The name of the domain that the user is in. Default: the domain with the id `default`.
    pub domain: String,
    /// The id of the domain that the user is in, instead of its name.
    pub domainid: String,
    /// The id of a trust that the user acts by, instead of a project.
    pub trustid: String,
    /// Whether any certificate of the store and of Keystone is taken.
    pub insecureskipverify: bool,
    /// How many bytes segments have: at least 1048576. A blob has at most as many segments as the store allows, mostly 1000.
    pub chunksize: u64,
    /// How many bytes of memory the segments of all uploads take together. Two segments an upload go fastest, one is enough.
    pub uploadmemory: u64,
    /// How many segments of an upload the store is asked to copy at the same time.
    pub multipartcopymaxconcurrency: u32,
    /// The directory in the container, in which `files/docker/registry/v2` is.
    pub prefix: String,
    /// Which of the addresses in Keystone's catalog is used.
    pub endpointtype: SwiftEndpointType,
    /// The URL, without a path, by which clients reach the store when they are sent there. Default: the one by which the
    /// registry reaches it.
    pub redirectendpoint: String,
    /// The key that temporary URLs are signed with, by which clients are sent to the store. It is set if neither of the two
    /// keys of the container is this one. Default: the container's.
    #[serde(skip_serializing_if = "Secret::is_empty")]
    pub secretkey: Secret,
    /// What HP's cloud wanted in temporary URLs beside the key. Accepted without effect.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub accesskey: Option<String>,
    /// Whether the key for temporary URLs is the container's, and not the account's.
    pub tempurlcontainerkey: bool,
    /// The methods that the store allows in temporary URLs, of which the registry needs `GET`. Default: those that the store
    /// says itself.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub tempurlmethods: Option<Vec<String>>,
}

/// Which address of a store is used.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum SwiftEndpointType {
    /// The one for everybody.
    #[default]
    Public,
    /// The one within the provider's network.
    Internal,
    /// The one for administrators.
    Admin,
}

impl Default for SwiftConfig {
    fn default() -> Self {
        let transfer = TransferConfig::default();
        Self {
            authurl: String::new(),
            authversion: None,
            username: String::new(),
            password: Secret::default(),
            region: String::new(),
            container: String::new(),
            tenant: String::new(),
            tenantid: String::new(),
            tenantdomain: String::new(),
            tenantdomainid: String::new(),
            domain: String::new(),
            domainid: String::new(),
            trustid: String::new(),
            insecureskipverify: false,
            chunksize: Driver::DEFAULT_PART_BYTES,
            uploadmemory: transfer.upload_memory_bytes,
            multipartcopymaxconcurrency: transfer.copies_at_once as u32,
            prefix: String::new(),
            endpointtype: SwiftEndpointType::default(),
            redirectendpoint: String::new(),
            secretkey: Secret::default(),
            accesskey: None,
            tempurlcontainerkey: true,
            tempurlmethods: None,
        }
    }
}
