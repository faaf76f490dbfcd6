//! What a registry needs to be told, and what it is told that is wrong.

use std::error::Error;
use std::net::TcpListener;

use registry_core::store::StoreErrorKind;
use registry_storage::driver::StorageDriver;
use registry_storage::driver::gcs::{self, GcsConfig, GcsCredentials};
use serde_json::json;
use tempfile::TempDir;

use super::fake::{BUCKET, FakeGcs, SUBJECT_TOKEN};
use crate::object::parts::path;

/// Returns all that is said of why a bucket cannot be used.
async fn refusal(config: &GcsConfig) -> String {
    let error = gcs::open(config).await.unwrap_err();
    assert_eq!(error.kind(), StoreErrorKind::Other);
    let causes = std::iter::successors(Some(&error as &dyn Error), |error: &&dyn Error| (*error).source());
    causes.map(ToString::to_string).collect::<Vec<_>>().join(": ")
}

fn config(server: &FakeGcs, credentials: GcsCredentials) -> GcsConfig {
    let mut config = GcsConfig::new(BUCKET, credentials);
    config.endpoint = server.endpoint();
    config
}

/// What is wrong with the configuration is said at the start.
#[tokio::test]
async fn a_wrong_bucket_or_account_is_told_at_the_start() {
    let server = FakeGcs::start().await;
    let mut bucket = config(&server, server.credentials());
    bucket.bucket = "no-such-bucket".into();
    let said = refusal(&bucket).await;
    for part in ["404 notFound", "bucket `no-such-bucket`", "request `request-1`", "check `bucket`"] {
        assert!(said.contains(part), "{said}");
    }
    let said = refusal(&config(&server, GcsCredentials::Anonymous)).await;
    for part in ["401 authError Invalid Credentials", "bucket `registry`", "check `keyfile`"] {
        assert!(said.contains(part), "{said}");
    }
}

/// A key that is no key is told of, and not shown.
#[tokio::test]
async fn a_wrong_key_is_told_at_the_start() {
    let server = FakeGcs::start().await;
    let key = json!({"type": "service_account", "client_email": "registry@example", "private_key": "hidden"});
    let directory = TempDir::new().expect("a temporary directory");
    let missing = directory.path().join("no-such-file");
    for credentials in [GcsCredentials::Json(key.to_string()), GcsCredentials::File(missing)] {
        let said = refusal(&config(&server, credentials)).await;
        assert!(said.contains("check `keyfile` or `credentials`") && !said.contains("hidden"), "{said}");
    }
}

/// A machine that knows of no account.
#[tokio::test]
async fn missing_credentials_are_told_of_at_the_start() {
    let server = FakeGcs::start().await;
    let nobody = TcpListener::bind("127.0.0.1:0").expect("a free port").local_addr().expect("an address");
    let variables = [("GCE_METADATA_HOST".to_owned(), nobody.to_string())].into();
    let said = refusal(&config(&server, GcsCredentials::Ambient { variables })).await;
    let expected = "no credentials were found; check `keyfile`";
    assert!(said.contains(expected) && said.contains(&nobody.to_string()), "{said}");
}

/// A workload identity: a file says where the workload's own token is, and who gives one of Google's for it.
#[tokio::test]
async fn an_external_account_gets_tokens() {
    let server = FakeGcs::start().await;
    let directory = TempDir::new().expect("a temporary directory");
    let (token, account) = (directory.path().join("token"), directory.path().join("account.json"));
    let document = json!({
        "type": "external_account",
        "audience": "//iam.googleapis.com/projects/1/locations/global/workloadIdentityPools/p/providers/q",
        "subject_token_type": "urn:ietf:params:oauth:token-type:jwt",
        "token_url": format!("{}/sts", server.endpoint()),
        "credential_source": {"file": token, "format": {"type": "text"}},
    });
    std::fs::write(&account, document.to_string()).expect("writing");
    std::fs::write(&token, "somebody else").expect("writing");
    let said = refusal(&config(&server, GcsCredentials::File(account.clone()))).await;
    assert!(said.contains("check `keyfile` or `credentials`") && !said.contains("somebody else"), "{said}");

    std::fs::write(&token, SUBJECT_TOKEN).expect("writing");
    let variables = [("GOOGLE_APPLICATION_CREDENTIALS".to_owned(), account.display().to_string())].into();
    let found = GcsCredentials::Ambient { variables };
    for credentials in [GcsCredentials::File(account), GcsCredentials::Json(document.to_string()), found] {
        let before = server.tokens_given();
        let driver = gcs::open(&config(&server, credentials)).await.expect("a token");
        driver.put(&path("/file"), "content".into()).await.unwrap();
        driver.delete(&path("/file")).await.unwrap();
        assert_eq!(server.tokens_given(), before + 1, "a token is kept");
    }
}
