//! Writes that are committed together.

use std::time::Duration;

use diesel::connection::SimpleConnection;
use diesel::prelude::*;
use diesel::result::Error;
use futures::FutureExt;
use futures::future::join_all;
use registry_core::store::metadata::BlobLinkStore;
use registry_core::store::{StoreErrorKind, StoreResult};

use super::super::connection;
use super::{SqliteStore, commit, digest, reopen, repository, store};
use crate::error::during;
use crate::schema::repositories;

fn runtime() -> tokio::runtime::Runtime {
    tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap()
}

/// Writes something and then fails as a statement can: without an end of the transaction, or with one.
async fn fail(store: &SqliteStore, ends_transaction: bool) -> StoreResult<()> {
    let failing = store.write([], ends_transaction, |connection, ends_transaction| {
        let ends_transaction = *ends_transaction;
        connection
            .spawn_blocking(move |inner| {
                diesel::update(repositories::table).set(repositories::listed.eq(true)).execute(inner)?;
                if ends_transaction {
                    inner.batch_execute("ROLLBACK")?;
                }
                Err(Error::NotInTransaction)
            })
            .boxed()
    });
    failing.await.map_err(during("do what fails"))
}

#[test]
fn one_that_fails_leaves_the_others_committed() {
    for ends_transaction in [false, true] {
        let runtime = runtime();
        let (store, _directory) = runtime.block_on(store());
        let a = repository("a");
        let turn = store.writer.shared.committer();
        let [mut before, mut after] = [0..10, 10..20].map(|numbers| {
            let numbers: Vec<String> = numbers.map(|number: u32| number.to_string()).collect();
            let (store, a) = (&store, &a);
            Box::pin(join_all(numbers.into_iter().map(|number| async move { commit(store, a, &number).await })))
        });
        let mut failing = Box::pin(fail(&store, ends_transaction));
        runtime.block_on(async {
            assert!(futures::poll!(&mut before).is_pending());
            assert!(futures::poll!(&mut failing).is_pending());
            assert!(futures::poll!(&mut after).is_pending());
        });
        drop(turn);
        runtime.block_on(async {
            assert_eq!(failing.await.unwrap_err().kind(), StoreErrorKind::Other);
            for result in before.await.into_iter().chain(after.await) {
                result.unwrap();
            }
            for number in 0..20 {
                assert!(store.blob(&a, &digest(&number.to_string())).await.unwrap().is_some(), "{number} is lost");
            }
        });
        let listed = super::on_reader(&store, |inner| {
            repositories::table.filter(repositories::listed.eq(true)).count().get_result::<i64>(inner).unwrap()
        });
        assert_eq!(listed, 0, "a part of what failed is there");
    }
}

#[test]
fn one_that_panics_fails_its_group_and_no_later_one() {
    let runtime = runtime();
    let (store, _directory) = runtime.block_on(store());
    runtime.block_on(async {
        let panics = store.write([], (), |_, ()| async { panic!("as planned") }.boxed());
        let panics: Result<(), _> = panics.await;
        assert_eq!(panics.unwrap_err().kind(), StoreErrorKind::Other);
        commit(&store, &repository("a"), "content").await.unwrap();
    });
    assert!(!connection::is_broken(store.writer.shared.committer().connection().unwrap()));
}

#[test]
fn a_store_that_is_dropped_with_writes_in_flight_is_closed() {
    let runtime = runtime();
    let (mut store, directory) = runtime.block_on(store());
    let a = repository("a");
    for round in 0..50 {
        let contents: Vec<String> = (0..=round).map(|number| format!("{round} {number}")).collect();
        let mut writes = Box::pin(join_all(contents.iter().map(|content| commit(&store, &a, content))));
        runtime.block_on(async { assert!(futures::poll!(&mut writes).is_pending()) });
        drop(writes);
        drop(store);
        store = runtime.block_on(reopen(&directory, Duration::from_secs(60))).unwrap();
    }
}
