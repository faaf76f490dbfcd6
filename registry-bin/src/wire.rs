//! From a configuration to a registry that serves: the only place that names concrete stores.

mod azure;
mod bos;
mod cos;
mod gcs;
mod kodo;
mod oss;
mod replica;
mod s3;
mod scs;
mod swift;
mod ufile;
mod vendor;

use std::sync::Arc;

pub(crate) use self::replica::{OpenReplica, open_replica, take_over_replica};

use anyhow::Context as _;
use registry_core::gc::CollectOptions;
use registry_core::import::{ImportOptions, Importer};
use registry_core::memory::MemoryMetadataStore;
use registry_core::registry::{IndexChildren, LinkUse, Platform, RepairStores, Snapshots, UrlRules};
use registry_core::store::identity::IdentityStore;
use registry_core::store::inventory::BlobInventory;
use registry_core::store::snapshot::{SnapshotSource, SnapshotStore};
use registry_core::store::{MetadataStore, Timestamp};
use registry_core::{Registry, RegistryOptions};
use registry_db::{CatalogTable, Restore};
use registry_http::ServiceConfig;
use registry_http::auth::{Authenticator, Htpasswd, HtpasswdConfig, NoAuthentication};
use registry_http::client_address::TrustedProxies;
use registry_http::debug::DebugService;
use registry_http::headers::CustomHeaders;
use registry_http::health::HealthChecks;
use registry_http::metrics::Metrics;
use registry_http::redirects::Redirects;
use registry_http::server::{ClientCertificates, Deadlines, Limits, ListenAddress, Pace, ServerConfig, TlsConfig};
use registry_storage::driver::StorageDriver;
use registry_storage::{
    DriverBlobStore, DriverIdentityStore, DriverImageStore, DriverInventory, DriverLinkStore, DriverSnapshotStore,
    FilesystemConfig, StorageConfig,
};

use crate::catalog_copy::{CatalogCopy, CatalogFile};
use crate::config::{
    AuthKind, Config, DatabaseUrl, HttpConfig, LimitsConfig, Platforms, SearchBackend,
    StorageConfig as ConfiguredStorage, StorageDriver as ConfiguredDriver, TrustedProxy, ValidationConfig,
};
use crate::identity;
use crate::measured_storage::MeasuredBlobStore;

/// Puts a registry over its stores. `metrics` show how long the storage takes.
pub(crate) fn registry(config: &Config, stores: Stores, metrics: &mut Metrics) -> anyhow::Result<Registry> {
    let links = Arc::new(DriverLinkStore::new(Arc::clone(&stores.driver)));
    let (inventory, identity) = (inventory(&stores.driver), identity_store(&stores.driver));
    let blobs = Arc::new(DriverBlobStore::new(stores.driver));
    let blobs = MeasuredBlobStore::new(blobs, driver_name(config), metrics.registry_mut());
    let used = LinkUse { adopt: config.storage.layout.adopt, write: config.storage.layout.links };
    let registry = Registry::new(Arc::new(blobs), stores.metadata, options(config)?);
    Ok(registry.with_links(links, used).with_files(inventory, identity))
}

/// Makes what imports the storage into the database.
pub(crate) async fn importer(config: &Config, import: ImportOptions) -> anyhow::Result<Importer> {
    let stores = bound_stores(config).await.map_err(|error| {
        let in_use = matches!(error.downcast_ref(), Some(registry_db::OpenError::InUse { .. }));
        let advice = "a registry that runs on this database imports by itself, with `storage.layout.adopt: true`";
        if in_use { error.context(advice) } else { error }
    })?;
    let links = Arc::new(DriverLinkStore::new(Arc::clone(&stores.driver)));
    let images = Arc::new(DriverImageStore::new(stores.driver));
    let review_after = Timestamp::now().plus(options(config)?.review_grace);
    Ok(Importer::new(links, Some(stores.metadata), review_after, import).with_images(images))
}

/// Makes what finds out what would be imported. It needs no database, and so nobody has to stop for it.
pub(crate) async fn dry_importer(config: &Config, import: ImportOptions) -> anyhow::Result<Importer> {
    let driver = driver(&config.storage).await.context("opening the storage")?;
    let (links, images) = (DriverLinkStore::new(Arc::clone(&driver)), DriverImageStore::new(driver));
    Ok(Importer::new(Arc::new(links), None, Timestamp::now(), import).with_images(Arc::new(images)))
}

/// What a configuration names, opened. Whether the two belong to each other has not been asked.
pub(crate) struct Stores {
    pub(crate) driver: Arc<dyn StorageDriver>,
    pub(crate) metadata: Arc<dyn MetadataStore>,
}

/// Opens the stores.
pub(crate) async fn stores(config: &Config) -> anyhow::Result<Stores> {
    let driver = driver(&config.storage).await.context("opening the storage")?;
    let metadata = metadata(config).await.context("opening the database")?;
    Ok(Stores { driver, metadata })
}

/// Opens stores that belong to each other, or do so from now on.
pub(crate) async fn bound_stores(config: &Config) -> anyhow::Result<Stores> {
    let stores = stores(config).await?;
    identity::bind(config, &*identity_store(&stores.driver), &*stores.metadata).await?;
    Ok(stores)
}

/// Returns what copies of the database are made by.
pub(crate) fn snapshot_source(config: &Config) -> anyhow::Result<Arc<dyn SnapshotSource>> {
    let url = database_url(config).context("the database is in memory, and ends with the process that has it")?;
    registry_db::snapshots(&url).context("the database is a server; back it up with its own tools")
}

/// Makes what keeps copies of the database in its storage.
pub(crate) fn snapshots_into(
    config: &Config,
    source: Arc<dyn SnapshotSource>,
    driver: &Arc<dyn StorageDriver>,
) -> Snapshots {
    Snapshots::new(source, snapshot_store(driver), identity_store(driver), config.database.snapshots.count as usize)
}

/// Returns where a storage has its identity.
pub(crate) fn identity_store(driver: &Arc<dyn StorageDriver>) -> Arc<dyn IdentityStore> {
    Arc::new(DriverIdentityStore::new(Arc::clone(driver)))
}

/// Returns what tells the files among a storage's blobs.
pub(crate) fn inventory(driver: &Arc<dyn StorageDriver>) -> Arc<dyn BlobInventory> {
    Arc::new(DriverInventory::new(Arc::clone(driver)))
}

/// Makes a registry for a command that looks after it, over stores that belong to each other, and what that needs besides.
pub(crate) async fn open_looked_after(config: &Config) -> anyhow::Result<LookedAfter> {
    // Nobody asks for them.
    let mut metrics = Metrics::new(env!("CARGO_PKG_VERSION"), "");
    looked_after(config, bound_stores(config).await?, &mut metrics)
}

/// Puts a [`registry`] over its stores, and makes what looking after it needs besides.
pub(crate) fn looked_after(config: &Config, stores: Stores, metrics: &mut Metrics) -> anyhow::Result<LookedAfter> {
    let (inventory, identity) = (inventory(&stores.driver), identity_store(&stores.driver));
    Ok(LookedAfter { registry: registry(config, stores, metrics)?, inventory, identity })
}

/// A registry and what its repair needs besides.
pub(crate) struct LookedAfter {
    pub(crate) registry: Registry,
    pub(crate) inventory: Arc<dyn BlobInventory>,
    pub(crate) identity: Arc<dyn IdentityStore>,
}

impl LookedAfter {
    pub(crate) fn stores(&self) -> RepairStores<'_> {
        RepairStores { inventory: &*self.inventory, identity: &*self.identity }
    }
}

/// Returns where a storage has copies of its database.
pub(crate) fn snapshot_store(driver: &Arc<dyn StorageDriver>) -> Arc<dyn SnapshotStore> {
    Arc::new(DriverSnapshotStore::new(Arc::clone(driver)))
}

/// Begins to put a copy in the place of the database.
pub(crate) fn restore(config: &Config) -> anyhow::Result<Restore> {
    let url = database_url(config).context("the database is in memory; there is nothing to restore")?;
    let restore = registry_db::restore(&url).context("opening the database")?;
    restore.context("the database is a server; restore it with its own tools")
}

/// Makes what keeps copies of the database in its storage from time to time, if that is wanted and can be done.
pub(crate) fn snapshots(config: &Config, stores: &Stores) -> Option<Snapshots> {
    let wanted = config.database.snapshots.enabled && identity::may_write(config);
    let source = wanted.then(|| registry_db::snapshots(&database_url(config)?))??;
    Some(snapshots_into(config, source, &stores.driver))
}

/// Makes what keeps a copy of the list of repositories for other programs, if that is wanted.
pub(crate) fn catalog_copy(config: &Config) -> anyhow::Result<Option<CatalogCopy>> {
    let search = &config.search;
    Ok(match search.backend {
        None => None,
        Some(SearchBackend::Local) => Some(CatalogCopy::File(CatalogFile::new(search.local.clone()))),
        Some(SearchBackend::Mysql) => {
            let table = search.mysql.as_ref().context("missing key `search.mysql`")?.config();
            anyhow::ensure!(
                !database_url(config).is_some_and(|own| table.is(&own)),
                "`search.mysql` is the registry's own database; expected another, in which a view is a copy as well"
            );
            Some(CatalogCopy::Table(CatalogTable::new(table)))
        }
    })
}

/// Returns where the database is, or `None` if it is in memory.
pub(crate) fn database_url(config: &Config) -> Option<registry_db::DatabaseUrl> {
    match config.database.url.clone().unwrap_or_else(|| config.storage.default_database()) {
        DatabaseUrl::Memory => None,
        DatabaseUrl::Sqlite(path) => Some(registry_db::DatabaseUrl::Sqlite(path)),
        DatabaseUrl::Server(url) => Some(url),
    }
}

/// Returns the name of the storage driver, as metrics and health checks show it.
pub(crate) fn driver_name(config: &Config) -> &'static str {
    match config.storage.driver() {
        ConfiguredDriver::Filesystem(_) => "filesystem",
        ConfiguredDriver::S3(_) => "s3",
        ConfiguredDriver::Gcs(_) => "gcs",
        ConfiguredDriver::Azure(_) => "azure",
        ConfiguredDriver::Oss(_) => "oss",
        ConfiguredDriver::Cos(_) => "cos",
        ConfiguredDriver::Bos(_) => "bos",
        ConfiguredDriver::Kodo(_) => "kodo",
        ConfiguredDriver::Scs(_) => "scs",
        ConfiguredDriver::Ufile(_) => "ufile",
        ConfiguredDriver::Swift(_) => "swift",
        ConfiguredDriver::InMemory => "inmemory",
    }
}

/// Opens the storage.
pub(crate) async fn driver(config: &ConfiguredStorage) -> anyhow::Result<Arc<dyn StorageDriver>> {
    let storage = match config.driver() {
        ConfiguredDriver::Filesystem(filesystem) => {
            let mut driver = FilesystemConfig::new(&filesystem.rootdirectory);
            driver.max_threads = filesystem.maxthreads as usize;
            StorageConfig::Filesystem(driver)
        }
        ConfiguredDriver::S3(s3) => return s3::open(s3).await,
        ConfiguredDriver::Gcs(gcs) => return gcs::open(gcs).await,
        ConfiguredDriver::Azure(azure) => return azure::open(azure).await,
        ConfiguredDriver::Oss(oss) => return oss::open(oss).await,
        ConfiguredDriver::Cos(cos) => return cos::open(cos).await,
        ConfiguredDriver::Bos(bos) => return bos::open(bos).await,
        ConfiguredDriver::Kodo(kodo) => return kodo::open(kodo).await,
        ConfiguredDriver::Scs(scs) => return scs::open(scs).await,
        ConfiguredDriver::Ufile(ufile) => return ufile::open(ufile).await,
        ConfiguredDriver::Swift(swift) => return swift::open(swift).await,
        ConfiguredDriver::InMemory => StorageConfig::InMemory,
    };
    Ok(tokio::task::spawn_blocking(move || storage.open()).await??)
}

async fn metadata(config: &Config) -> anyhow::Result<Arc<dyn MetadataStore>> {
    Ok(match database(config) {
        Some(database) => registry_db::open(&database).await?,
        None => Arc::new(MemoryMetadataStore::default()),
    })
}

/// Returns the settings of the database, or `None` if it is in memory.
pub(crate) fn database(config: &Config) -> Option<registry_db::DatabaseConfig> {
    let url = database_url(config)?;
    let settings = &config.database;
    let mut database = registry_db::DatabaseConfig::new(url);
    database.cache_bytes = settings.cachebytes;
    database.server.connections = settings.connections as usize;
    database.server.timeout = settings.timeout.get();
    database.server.connect_timeout = settings.connecttimeout.get();
    database.server.start_timeout = settings.starttimeout.get();
    database.server.tls = settings.tls.enabled.then(|| registry_db::TlsConfig::new(settings.tls.cas.clone()));
    Some(database)
}

fn options(config: &Config) -> anyhow::Result<RegistryOptions> {
    let urls = &config.validation.manifests.urls;
    Ok(RegistryOptions {
        delete_enabled: config.storage.delete.enabled,
        read_only: config.storage.maintenance.readonly.enabled,
        tag_history: config.tags.history.get(),
        replicates: config.storage.replicate.is_some(),
        upload_lifetime: config.storage.maintenance.uploadpurging.age.get(),
        review_grace: config.storage.maintenance.garbagecollection.graceperiod.get(),
        index_children: index_children(&config.validation),
        urls: match config.validation.disabled {
            true => UrlRules::default(),
            false => UrlRules::new(&urls.allow, &urls.deny).context("validation.manifests.urls")?,
        },
    })
}

/// Makes the settings of garbage collection.
pub(crate) fn collection(config: &Config) -> CollectOptions {
    let collection = &config.storage.maintenance.garbagecollection;
    CollectOptions { delete_untagged: collection.deletes_untagged(), parallelism: collection.parallelism as usize }
}

fn index_children(validation: &ValidationConfig) -> IndexChildren {
    let indexes = &validation.manifests.indexes;
    match indexes.platforms {
        _ if validation.disabled => IndexChildren::Optional,
        Platforms::All => IndexChildren::All,
        Platforms::None => IndexChildren::Optional,
        Platforms::List => {
            let platform =
                |p: &crate::config::Platform| Platform { os: p.os.clone(), architecture: p.architecture.clone() };
            IndexChildren::Platforms(indexes.platformlist.iter().map(platform).collect())
        }
    }
}

/// Makes the settings of the service.
pub(crate) fn service(config: &Config) -> anyhow::Result<ServiceConfig> {
    let http = &config.http;
    Ok(ServiceConfig {
        prefix: http.prefix.as_str().trim_end_matches('/').to_owned(),
        external_url: http.host.as_ref().map(|host| host.get().clone()),
        // distribution answers with whole addresses below `http.host` where that is set.
        relative_urls: http.relativeurls.unwrap_or(http.host.is_none()),
        trusted_proxies: trusted_proxies(&http.trustedproxies),
        redirects: redirects(&config.storage),
        headers: CustomHeaders::parse(&http.headers).context("http.headers")?,
        catalog_max_entries: config.catalog.maxentries as usize,
        tags_max: config.tags.maxtags as usize,
        access_log: !config.log.accesslog.disabled,
    })
}

fn redirects(storage: &ConfiguredStorage) -> Redirects {
    // These are not asked for addresses with every pull, since they have none.
    let is_here = matches!(storage.driver(), ConfiguredDriver::Filesystem(_) | ConfiguredDriver::InMemory);
    match &storage.redirect.networks[..] {
        _ if is_here || storage.redirect.disable => Redirects::Never,
        [] => Redirects::Always,
        networks => Redirects::Networks(networks.iter().map(|network| network.get()).collect()),
    }
}

fn trusted_proxies(configured: &[TrustedProxy]) -> TrustedProxies {
    let mut trusted = TrustedProxies::default();
    for proxy in configured {
        match proxy {
            TrustedProxy::Network(network) => trusted.networks.push(*network),
            TrustedProxy::Unix => trusted.unix = true,
        }
    }
    trusted
}

/// Makes what decides who somebody is.
pub(crate) async fn authenticator(config: &Config) -> anyhow::Result<Arc<dyn Authenticator>> {
    Ok(match config.auth.kind() {
        AuthKind::None => Arc::new(NoAuthentication),
        AuthKind::Htpasswd(htpasswd) => {
            let settings = HtpasswdConfig::new(&htpasswd.realm, &htpasswd.path);
            let opened = tokio::task::spawn_blocking(move || Htpasswd::open(settings)).await?;
            Arc::new(opened.context("auth.htpasswd.path")?)
        }
    })
}

/// Makes the settings of the server for clients.
pub(crate) fn server(config: &HttpConfig) -> ServerConfig {
    let mut server = listener(config, config.addr.get());
    server.tls = config.tls.key_pair().map(|(certificate, key)| {
        let mut tls = TlsConfig::new(certificate, key);
        tls.minimum_version = config.tls.minimumtls.into();
        tls.cipher_suites = config.tls.ciphersuites.iter().map(|suite| suite.name()).collect();
        tls.clients = (!config.tls.clientcas.is_empty()).then(|| ClientCertificates {
            authorities: config.tls.clientcas.clone(),
            mode: config.tls.clientauth.into(),
        });
        tls
    });
    server.http2 = !config.http2.disabled;
    server.h2c = config.h2c.enabled;
    server
}

/// Makes the settings of the server for operators, if there is to be one.
pub(crate) fn debug_server(config: &HttpConfig) -> Option<ServerConfig> {
    config.debug.addr.as_ref().map(|address| listener(config, address.get()))
}

/// Makes what answers operators.
pub(crate) fn debug_service(config: &HttpConfig, health: Arc<HealthChecks>, metrics: Arc<Metrics>) -> DebugService {
    let service = DebugService::new(health);
    let prometheus = &config.debug.prometheus;
    if prometheus.enabled { service.with_metrics(prometheus.path.as_str(), metrics) } else { service }
}

fn listener(config: &HttpConfig, address: &ListenAddress) -> ServerConfig {
    let limits: &LimitsConfig = &config.limits;
    let mut server = ServerConfig::new(address.clone());
    server.send_files = true;
    server.deadlines = Deadlines {
        tls_handshake: limits.handshaketimeout.get(),
        header: limits.headertimeout.get(),
        idle: limits.idletimeout.get(),
        body: Pace { window: limits.bodytimeout.get(), min_bytes: limits.bodyminbytes },
        drain: config.draintimeout.get(),
    };
    server.limits = Limits {
        connections: limits.maxconnections as usize,
        header_bytes: limits.maxheaderbytes,
        concurrent_streams: limits.maxstreams,
    };
    server
}
