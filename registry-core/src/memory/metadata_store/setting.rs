use async_trait::async_trait;

use super::MemoryMetadataStore;
use crate::store::StoreResult;
use crate::store::setting::SettingStore;

#[async_trait]
impl SettingStore for MemoryMetadataStore {
    async fn setting(&self, name: &str) -> StoreResult<Option<String>> {
        Ok(self.tables().settings.get(name).cloned())
    }

    async fn settle_setting(&self, name: &str, value: &str) -> StoreResult<String> {
        Ok(self.tables().settings.entry(name.to_owned()).or_insert_with(|| value.to_owned()).clone())
    }

    async fn replace_setting(&self, name: &str, value: &str) -> StoreResult<()> {
        self.tables().settings.insert(name.to_owned(), value.to_owned());
        Ok(())
    }

    async fn exchange_setting(&self, name: &str, expected: Option<&str>, value: &str) -> StoreResult<bool> {
        let mut tables = self.tables();
        let found = tables.settings.get(name).map(String::as_str);
        let is_there = found == Some(value);
        let is_expected = found == expected;
        if is_expected {
            tables.settings.insert(name.to_owned(), value.to_owned());
        }
        Ok(is_there || is_expected)
    }
}
