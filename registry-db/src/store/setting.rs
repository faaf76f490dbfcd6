//! What all processes of a registry have agreed upon.

use async_trait::async_trait;
use diesel::prelude::*;
use diesel_async::RunQueryDsl;
use futures::FutureExt;
use registry_core::store::StoreResult;
use registry_core::store::setting::SettingStore;

use super::dialect::{Connection, Store, conflict_key, lock};
use crate::error::during;
use crate::prepared::PreparedDsl;
use crate::schema::settings;

#[async_trait]
impl SettingStore for Store {
    async fn setting(&self, name: &str) -> StoreResult<Option<String>> {
        self.read(name.to_owned(), |connection, name| find(connection, name).boxed())
            .await
            .map_err(during(format_args!("look up the setting `{name}`")))
    }

    async fn settle_setting(&self, name: &str, value: &str) -> StoreResult<String> {
        let settled = self
            .write([], (name.to_owned(), value.to_owned()), |connection, (name, value)| {
                async move {
                    diesel::insert_into(settings::table)
                        .values((settings::name.eq(name), settings::value.eq(value)))
                        .on_conflict_do_nothing()
                        .execute(connection)
                        .await?;
                    settings::table.find(name).select(settings::value).get_result(connection).await
                }
                .boxed()
            })
            .await;
        settled.map_err(during(format_args!("settle the setting `{name}`")))
    }

    async fn replace_setting(&self, name: &str, value: &str) -> StoreResult<()> {
        self.write([], (name.to_owned(), value.to_owned()), |connection, (name, value)| {
            replace(connection, name, value).boxed()
        })
        .await
        .map_err(during(format_args!("replace the setting `{name}`")))
    }

    async fn exchange_setting(&self, name: &str, expected: Option<&str>, value: &str) -> StoreResult<bool> {
        let exchange = (name.to_owned(), expected.map(str::to_owned), value.to_owned());
        self.write([], exchange, |connection, (name, expected, value)| {
            exchange_if(connection, name, expected.as_deref(), value).boxed()
        })
        .await
        .map_err(during(format_args!("exchange the setting `{name}`")))
    }
}

async fn find(connection: &mut Connection, name: &str) -> QueryResult<Option<String>> {
    settings::table.find(name).select(settings::value).get_result(connection).await.optional()
}

async fn exchange_if(
    connection: &mut Connection,
    name: &str,
    expected: Option<&str>,
    value: &str,
) -> QueryResult<bool> {
    if expected.is_none() {
        diesel::insert_into(settings::table)
            .values((settings::name.eq(name), settings::value.eq(value)))
            .on_conflict_do_nothing()
            .execute(connection)
            .await?;
    }
    let found = lock!(settings::table.find(name).select(settings::value));
    let found: Option<String> = found.get_result(connection).await.optional()?;
    if found.is_some() && found.as_deref() == expected {
        replace(connection, name, value).await?;
        return Ok(true);
    }
    Ok(found.as_deref() == Some(value))
}

async fn replace(connection: &mut Connection, name: &str, value: &str) -> QueryResult<()> {
    diesel::insert_into(settings::table)
        .values((settings::name.eq(name), settings::value.eq(value)))
        .on_conflict(conflict_key(settings::name))
        .do_update()
        .set(settings::value.eq(value))
        .prepared()
        .execute(connection)
        .await?;
    Ok(())
}
