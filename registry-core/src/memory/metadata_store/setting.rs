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
}
