//! What all processes of a registry have agreed upon.

use async_trait::async_trait;
use diesel::prelude::*;
use diesel_async::RunQueryDsl;
use futures::FutureExt;
use registry_core::store::StoreResult;
use registry_core::store::setting::SettingStore;

use super::dialect::{Connection, Store, conflict_key};
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
}

async fn find(connection: &mut Connection, name: &str) -> QueryResult<Option<String>> {
    settings::table.find(name).select(settings::value).get_result(connection).await.optional()
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
