//! The port to what all processes of a registry have agreed upon.

use async_trait::async_trait;

use super::error::StoreResult;

/// Values by name, for what is made up once and must be the same for every process that shares the metadata: the
/// identity of the storage, secrets, when something was last done that one of them does.
///
/// A name is one of our own, of up to 128 ASCII characters. A value is text of up to 4 KiB.
#[async_trait]
pub trait SettingStore: Send + Sync + 'static {
    /// Returns the value of a name.
    async fn setting(&self, name: &str) -> StoreResult<Option<String>>;

    /// Keeps a value if the name has none, and returns the one that it has then. Of several callers at once one decides,
    /// and all get its value.
    async fn settle_setting(&self, name: &str, value: &str) -> StoreResult<String>;

    /// Keeps a value in place of the one that the name has, if any.
    async fn replace_setting(&self, name: &str, value: &str) -> StoreResult<()>;

    /// Keeps a value if the name has the one that is expected, or none if none is, and returns whether the name has the
    /// value then. Of several callers that expect the same and bring different values, one gets its way.
    async fn exchange_setting(&self, name: &str, expected: Option<&str>, value: &str) -> StoreResult<bool>;
}
