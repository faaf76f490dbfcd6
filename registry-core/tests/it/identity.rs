//! A storage and a database find out whether they belong to each other.

use std::sync::{Mutex, PoisonError};

use async_trait::async_trait;
use futures::future::join_all;
use registry_core::memory::MemoryMetadataStore;
use registry_core::registry::{BindError, Binding, bind_storage, take_over_storage};
use registry_core::store::identity::{IdentityStore, StorageIdentity};
use registry_core::store::setting::SettingStore;
use registry_core::store::{StoreError, StoreErrorKind, StoreResult};

/// A storage that can be made to fail.
#[derive(Debug, Default)]
struct Storage {
    identity: Mutex<Option<StorageIdentity>>,
    is_read_only: Mutex<bool>,
}

impl Storage {
    fn write(&self, change: impl FnOnce(&mut Option<StorageIdentity>)) -> StoreResult<()> {
        if *self.is_read_only.lock().unwrap() {
            return Err(StoreError::new(StoreErrorKind::Unavailable, "read-only"));
        }
        change(&mut self.identity.lock().unwrap_or_else(PoisonError::into_inner));
        Ok(())
    }
}

#[async_trait]
impl IdentityStore for Storage {
    async fn identity(&self) -> StoreResult<Option<StorageIdentity>> {
        Ok(*self.identity.lock().unwrap())
    }

    async fn settle_identity(&self, identity: StorageIdentity) -> StoreResult<StorageIdentity> {
        let mut settled = identity;
        self.write(|kept| settled = *kept.get_or_insert(identity))?;
        Ok(settled)
    }

    async fn replace_identity(&self, identity: StorageIdentity) -> StoreResult<()> {
        self.write(|kept| *kept = Some(identity))
    }

    async fn has_foreign_repositories(&self) -> StoreResult<bool> {
        Ok(false)
    }
}

/// Binds what belongs together.
async fn bind(storage: &Storage, database: &MemoryMetadataStore) -> Binding {
    bind_storage(storage, database, true).await.unwrap()
}

#[tokio::test]
async fn both_get_an_identity_when_they_first_meet() {
    let (storage, database) = (Storage::default(), MemoryMetadataStore::new());
    let Binding::New(identity) = bind(&storage, &database).await else { panic!("they have not met before") };
    assert_eq!(storage.identity().await.unwrap(), Some(identity));
    assert_eq!(bind(&storage, &database).await, Binding::Known(identity));
    assert_eq!(bind_storage(&storage, &database, false).await.unwrap(), Binding::Known(identity));
}

#[tokio::test]
async fn a_storage_refuses_another_database() {
    let (storage, database) = (Storage::default(), MemoryMetadataStore::new());
    bind(&storage, &database).await;
    let there = storage.identity().await.unwrap();

    let new = MemoryMetadataStore::new();
    for may_write in [true, false] {
        let refused = bind_storage(&storage, &new, may_write).await.unwrap_err();
        assert!(matches!(refused, BindError::NewDatabase { storage } if Some(storage) == there), "{refused}");
    }
    assert_eq!(new.setting("storage.identity").await.unwrap(), None, "a refusal changes nothing");

    let other = MemoryMetadataStore::new();
    bind(&Storage::default(), &other).await;
    let refused = bind_storage(&storage, &other, true).await.unwrap_err();
    assert!(matches!(refused, BindError::Foreign { storage, .. } if Some(storage) == there), "{refused}");
    assert_eq!(storage.identity().await.unwrap(), there);
}

#[tokio::test]
async fn a_database_refuses_an_empty_storage_after_its_own() {
    let database = MemoryMetadataStore::new();
    bind(&Storage::default(), &database).await;
    let empty = Storage::default();
    let refused = bind_storage(&empty, &database, true).await.unwrap_err();
    assert!(matches!(refused, BindError::NewStorage { .. }), "{refused}");
    assert_eq!(empty.identity().await.unwrap(), None);
}

#[tokio::test]
async fn a_start_that_was_cut_short_is_made_good() {
    // Before the storage got the identity.
    let (storage, database) = (Storage::default(), MemoryMetadataStore::new());
    *storage.is_read_only.lock().unwrap() = true;
    assert!(matches!(bind_storage(&storage, &database, true).await, Err(BindError::Store(_))));
    *storage.is_read_only.lock().unwrap() = false;
    let Binding::New(identity) = bind(&storage, &database).await else { panic!("the storage had none") };
    assert_eq!(database.setting("storage.identity").await.unwrap(), Some(identity.to_string()));

    // Before the database heard that it has: after the next start an empty storage is another one.
    let (storage, database) = (Storage::default(), MemoryMetadataStore::new());
    let identity = StorageIdentity::random();
    database.settle_setting("storage.identity", &identity.to_string()).await.unwrap();
    storage.settle_identity(identity).await.unwrap();
    assert_eq!(bind(&storage, &database).await, Binding::Known(identity));
    let refused = bind_storage(&Storage::default(), &database, true).await.unwrap_err();
    assert!(matches!(refused, BindError::NewStorage { .. }), "{refused}");
}

#[tokio::test]
async fn nothing_is_written_where_nothing_may_be() {
    let (storage, database) = (Storage::default(), MemoryMetadataStore::new());
    *storage.is_read_only.lock().unwrap() = true;
    assert_eq!(bind_storage(&storage, &database, false).await.unwrap(), Binding::None);
    assert_eq!(database.setting("storage.identity").await.unwrap(), None);
}

#[tokio::test]
async fn processes_that_start_together_agree() {
    let (storage, database) = (Storage::default(), MemoryMetadataStore::new());
    let bound = join_all((0..8).map(|_| bind_storage(&storage, &database, true))).await;
    for binding in bound {
        let (Binding::New(identity) | Binding::Known(identity)) = binding.unwrap() else { panic!("nobody may write") };
        assert_eq!(storage.identity().await.unwrap(), Some(identity));
    }
    // With a database each, one gets the storage.
    let storage = Storage::default();
    let databases: [_; 4] = std::array::from_fn(|_| MemoryMetadataStore::new());
    let bound = join_all(databases.iter().map(|database| bind_storage(&storage, database, true))).await;
    assert_eq!(bound.iter().filter(|bound| bound.is_ok()).count(), 1);
}

#[tokio::test]
async fn a_storage_that_was_taken_over_refuses_its_old_database() {
    let (storage, old, new) = (Storage::default(), MemoryMetadataStore::new(), MemoryMetadataStore::new());
    bind(&storage, &old).await;
    let identity = take_over_storage(&storage, &new).await.unwrap();
    assert_eq!(bind(&storage, &new).await, Binding::Known(identity));
    let refused = bind_storage(&storage, &old, true).await.unwrap_err();
    assert!(matches!(refused, BindError::Foreign { .. }), "{refused}");
}

#[tokio::test]
async fn a_take_over_that_was_cut_short_is_repeated() {
    let (storage, database) = (Storage::default(), MemoryMetadataStore::new());
    bind(&storage, &MemoryMetadataStore::new()).await;
    *storage.is_read_only.lock().unwrap() = true;
    take_over_storage(&storage, &database).await.unwrap_err();
    *storage.is_read_only.lock().unwrap() = false;
    let refused = bind_storage(&storage, &database, true).await.unwrap_err();
    assert!(matches!(refused, BindError::Foreign { .. }), "{refused}");
    take_over_storage(&storage, &database).await.unwrap();
    bind(&storage, &database).await;
}

#[tokio::test]
async fn what_is_no_identity_is_damage() {
    let database = MemoryMetadataStore::new();
    database.replace_setting("storage.identity", "x").await.unwrap();
    let refused = bind_storage(&Storage::default(), &database, true).await.unwrap_err();
    let BindError::Store(error) = &refused else { panic!("{refused}") };
    assert_eq!(error.kind(), StoreErrorKind::Corrupt);
    assert!(refused.to_string().contains("storage.identity"), "{refused}");
}
