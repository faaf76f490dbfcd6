//! A vendor's own client, put to the server that stands in for the vendor: what the driver wrote the client has to find, and
//! the other way around. So server and driver cannot both be wrong in the same way.

use std::process::Command;

use bytes::Bytes;
use registry_storage::driver::StorageDriver;
use registry_storage::testing::driver_suite::nothing_is_left;
use serde_json::json;
use tempfile::TempDir;

use super::parts::{append, path, read};
use super::subject::ObjectSubject;
use crate::subject::variable;

/// How large the parts are that driver and client send.
const PART: usize = 5 * 1024 * 1024;
/// How many seconds a client may take for all that it is asked for.
const PATIENCE: &str = "120";

/// What a client is told.
pub(crate) struct VendorSdk<'a> {
    /// The directory of the program below `tests/it`, which has it as `sdk.py`.
    pub(crate) vendor: &'static str,
    /// Where the server is: `http://127.0.0.1:PORT`.
    pub(crate) endpoint: &'a str,
    pub(crate) bucket: &'a str,
    pub(crate) access_key: &'a str,
    pub(crate) secret_key: &'a str,
    /// What the driver's keys begin with.
    pub(crate) root: &'a str,
}

/// Returns what both sides expect to be written.
fn content(size: usize, seed: usize) -> Bytes {
    (seed..seed + size).map(|index| (index % 251) as u8).collect::<Vec<_>>().into()
}

impl VendorSdk<'_> {
    /// Has driver and client read what the other wrote, and remove all of it.
    pub(crate) async fn exchange(&self, subject: &impl ObjectSubject) {
        let driver = subject.driver().await;
        driver.put(&path("/suite/sdk/driver-small"), content(1000, 1)).await.unwrap();
        let upload = driver.begin_upload(&path("/suite/sdk/driver-large")).await.unwrap();
        let large = content(2 * PART + 77, 2);
        let upload = append(&driver, &upload, 0, &large).await;
        driver.complete_upload(&upload, &path("/suite/target"), large.len() as u64).await.unwrap();
        driver.abort_upload(&upload).await.unwrap();

        self.run().await;

        for (name, expected) in
            [("small", content(1000, 3)), ("large", content(2 * PART + 77, 4)), ("copy", content(1000, 3))]
        {
            let file = path(&format!("/suite/sdk/client-{name}"));
            assert_eq!(driver.stat(&file).await.unwrap().size_bytes, expected.len() as u64, "{name}");
            assert!(read(&driver, &file, expected.len()).await == expected, "{name}");
            driver.delete(&file).await.unwrap();
        }
        // The client has removed all else.
        nothing_is_left(subject).await;
    }

    /// Runs the program, which reaches nothing but the server: the server is its proxy.
    async fn run(&self) {
        let tests = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/it");
        let settings = json!({
            "endpoint": self.endpoint, "bucket": self.bucket, "root": self.root.trim_matches('/'), "part": PART,
            "access_key": self.access_key, "secret_key": self.secret_key,
        });
        // What it keeps from one run to the next would be of another server.
        let home = TempDir::new().expect("a temporary directory");
        let mut command = Command::new("timeout");
        command
            .args([PATIENCE, &variable("TEST_VENDOR_SDKS"), &format!("{tests}/{}/sdk.py", self.vendor)])
            .arg(settings.to_string())
            .current_dir(home.path())
            .env_clear()
            .env("PATH", variable("PATH"))
            .envs([("HOME", home.path()), ("TMPDIR", home.path())])
            .env("PYTHONPATH", format!("{tests}/object"))
            .env("PYTHONDONTWRITEBYTECODE", "1")
            .env("PYTHONWARNINGS", "ignore")
            .envs([("http_proxy", self.endpoint), ("https_proxy", self.endpoint)]);
        let output = tokio::task::spawn_blocking(move || command.output()).await.expect("it runs").expect("it starts");
        let said = String::from_utf8_lossy(&output.stderr);
        assert!(output.status.success(), "{}: {said}", output.status);
    }
}
