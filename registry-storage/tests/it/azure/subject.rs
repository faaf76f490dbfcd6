//! A part of a container of its own.

use async_trait::async_trait;
use registry_storage::driver::azure::{self, AzureConfig, AzureCredentials};
use registry_storage::driver::object::{ObjectDriver, TransferConfig};

use crate::object::subject::{ObjectSubject, object_subject};
use crate::subject::{kept, variable};

/// A part of a container of its own.
pub(super) struct Container(pub(super) AzureConfig);

pub(super) async fn azure() -> Container {
    by(AzureCredentials::SharedKey(variable("TEST_AZURE_KEY")))
}

/// Returns a part of a container that is used by a shared access signature.
pub(super) async fn azure_by_signature() -> Container {
    by(AzureCredentials::Sas(variable("TEST_AZURE_SAS")))
}

fn by(credentials: AzureCredentials) -> Container {
    let mut config = AzureConfig::new(variable("TEST_AZURE_ACCOUNT"), variable("TEST_AZURE_CONTAINER"), credentials);
    config.endpoint = variable("TEST_AZURE_ENDPOINT");
    config.root_directory = format!("/{}", uuid::Uuid::new_v4());
    Container(config)
}

#[async_trait]
impl ObjectSubject for Container {
    async fn driver_with(&self, transfer: TransferConfig) -> ObjectDriver {
        let config = AzureConfig { transfer, ..self.0.clone() };
        azure::open(&config).await.expect("the container can be reached")
    }

    fn part_bytes(&self) -> usize {
        1024 * 1024
    }

    fn seals(&self) -> bool {
        true
    }

    async fn kept(&self) -> Vec<String> {
        let mut config = self.0.clone();
        let root = std::mem::take(&mut config.root_directory);
        kept(&Container(config).driver().await, &root).await
    }
}

object_subject!(Container, sorts_by_names_alone: false);
