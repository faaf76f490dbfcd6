//! Whether a storage and a database belong to each other.
//!
//! A database says which blobs exist, so a storage with the wrong database serves nothing, and may lose what it has to
//! a collection of garbage. So both keep the same identity, which is made up when they first meet:
//!
//! | storage | database | at a start |
//! |---|---|---|
//! | none | none | both get a new one |
//! | none | one, not confirmed | a start was cut short: the storage gets it |
//! | none | one, confirmed | refused: this is another storage, or an emptied one |
//! | one | none | refused: the database was lost, or is another |
//! | one | the same | go on |
//! | one | another | refused |
//!
//! The database learns the identity first, then the storage, then the database that the storage has it. Several processes
//! may do so at once.

use crate::store::identity::{IDENTITY_SETTING as IDENTITY, IdentityStore, StorageIdentity};
use crate::store::setting::SettingStore;
use crate::store::{StoreError, StoreErrorKind, StoreResult};

/// The setting that has the identity once it is known that the storage has it.
const CONFIRMED: &str = "storage.identity.confirmed";

/// How a storage and a database that may be used together came to be so.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Binding {
    /// They have met before.
    Known(StorageIdentity),
    /// They met now, or an earlier start that was cut short is made good.
    New(StorageIdentity),
    /// Neither has an identity, and none was to be written.
    None,
}

/// Why a storage and a database must not be used together.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum BindError {
    /// The storage has an identity, and the database has none.
    #[error("the storage belongs to another database: it has the identity {storage}, and this database is new")]
    NewDatabase {
        /// The storage's identity.
        storage: StorageIdentity,
    },
    /// Each has an identity of its own.
    #[error("the storage belongs to another database: it has the identity {storage}, expected {database}")]
    Foreign {
        /// The storage's identity.
        storage: StorageIdentity,
        /// The identity that the database knows.
        database: StorageIdentity,
    },
    /// The storage that the database was used with had an identity, and this one has none.
    #[error("the database belongs to another storage: this one has no identity, expected {database}")]
    NewStorage {
        /// The identity that the database knows.
        database: StorageIdentity,
    },
    /// One of them cannot be asked.
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// Makes sure that a storage and a database belong to each other; if neither has an identity yet, they get one, unless
/// nothing may be written.
///
/// # Errors
/// What keeps them from being used together. Nothing that was there has changed then.
pub async fn bind_storage(
    storage: &dyn IdentityStore,
    settings: &dyn SettingStore,
    may_write: bool,
) -> Result<Binding, BindError> {
    // In this order: what is confirmed was in the storage before, so that a start elsewhere at the same time cannot make
    // it look as if the storage had lost it.
    let mut database = identity(settings, IDENTITY).await?;
    let confirmed = identity(settings, CONFIRMED).await?;
    let there = storage.identity().await?;
    if there.is_some() && database.is_none() {
        // Such a start may have written both since.
        database = identity(settings, IDENTITY).await?;
    }
    let is_confirmed = database == confirmed;
    match (there, database) {
        (Some(storage), None) => Err(BindError::NewDatabase { storage }),
        (Some(storage), Some(database)) if storage != database => Err(BindError::Foreign { storage, database }),
        (Some(storage), Some(_)) => {
            if may_write && !is_confirmed {
                settings.replace_setting(CONFIRMED, &storage.to_string()).await?;
            }
            Ok(Binding::Known(storage))
        }
        (None, Some(database)) if is_confirmed => Err(BindError::NewStorage { database }),
        (None, _) if !may_write => Ok(Binding::None),
        (None, _) => {
            let settled = settings.settle_setting(IDENTITY, &StorageIdentity::random().to_string()).await?;
            let database = parse(IDENTITY, &settled)?;
            let storage = storage.settle_identity(database).await?;
            if storage != database {
                return Err(BindError::Foreign { storage, database });
            }
            settings.replace_setting(CONFIRMED, &storage.to_string()).await?;
            Ok(Binding::New(storage))
        }
    }
}

/// Gives a storage and a database a new identity, whatever they had before, so that they belong to each other and to
/// nothing else. A process that uses one of them with something else does not start again. Repeat it after an error.
///
/// # Errors
/// Whatever the store says that fails first.
pub async fn take_over_storage(
    storage: &dyn IdentityStore,
    settings: &dyn SettingStore,
) -> StoreResult<StorageIdentity> {
    let identity = StorageIdentity::random();
    let text = identity.to_string();
    settings.replace_setting(IDENTITY, &text).await?;
    storage.replace_identity(identity).await?;
    settings.replace_setting(CONFIRMED, &text).await?;
    Ok(identity)
}

/// Why second copies must not go to a store.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum BindReplicaError {
    /// It is the storage of a registry itself.
    #[error("the second store is the storage of a registry itself: it has the identity {0}")]
    Storage(StorageIdentity),
    /// It has the copies of another storage.
    #[error(
        "the second store has the copies of another storage: of the one with the identity {found}, expected {expected}"
    )]
    Foreign {
        /// Whose copies it has.
        found: StorageIdentity,
        /// The identity of the storage.
        expected: StorageIdentity,
    },
    /// The storage has no identity.
    #[error("the storage has no identity by which its second store could know it")]
    None,
    /// One of them cannot be asked.
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// Makes sure that a store has second copies of this storage alone: `replica` is the identity that it would have as a storage,
/// `source` that of the storage whose copies it has. It gets the latter if it is new.
///
/// # Errors
/// What keeps it from being used. Nothing has changed then.
pub async fn bind_replica(
    replica: &dyn IdentityStore,
    source: &dyn IdentityStore,
    settings: &dyn SettingStore,
) -> Result<(), BindReplicaError> {
    let expected = identity(settings, IDENTITY).await?.ok_or(BindReplicaError::None)?;
    if let Some(own) = replica.identity().await? {
        return Err(BindReplicaError::Storage(own));
    }
    let found = source.settle_identity(expected).await?;
    if found == expected { Ok(()) } else { Err(BindReplicaError::Foreign { found, expected }) }
}

async fn identity(settings: &dyn SettingStore, name: &str) -> StoreResult<Option<StorageIdentity>> {
    settings.setting(name).await?.map(|text| parse(name, &text)).transpose()
}

fn parse(name: &str, text: &str) -> StoreResult<StorageIdentity> {
    text.parse().map_err(|error| {
        StoreError::with_source(StoreErrorKind::Corrupt, format!("cannot use the setting `{name}`"), error)
    })
}
