//! Encrypted connections: who proves to be the host of the URL is talked to, and nobody else, nor in clear text.

use registry_db::{DatabaseConfig, OpenError, TlsConfig};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpListener;
use tokio_postgres::NoTls;

use crate::servers::{mysql_config, postgres_config, variable};

/// Trusts the authority whose certificate is in the file that a variable names.
fn trusting(mut config: DatabaseConfig, variable_name: &str) -> DatabaseConfig {
    config.server.tls = Some(TlsConfig::new(vec![variable(variable_name).into()]));
    config
}

/// The same at another URL.
fn at(config: &DatabaseConfig, url: &str) -> DatabaseConfig {
    let mut config = config.clone();
    config.url = url.parse().unwrap();
    config
}

async fn assert_untrusted(config: &DatabaseConfig, why: &str) {
    let error = registry_db::open(config).await.expect_err(why);
    assert!(matches!(error, OpenError::Untrusted { .. }), "{why}: {error:?}");
}

#[tokio::test]
async fn postgres_is_reached_encrypted_if_it_proves_who_it_is() {
    let (config, url) = postgres_config().await;
    for (index, parameter) in ["", "&sslmode=require", "&sslmode=verify-full", "&sslmode=verify-ca"].iter().enumerate()
    {
        let name = format!("encrypted_{index}_{:08x}", fastrand::u32(..));
        let config = trusting(at(&config, &format!("{url}&application_name={name}{parameter}")), "TEST_POSTGRES_CA");
        let store = registry_db::open(&config).await.unwrap();
        store.check().await.unwrap();
        let (client, connection) = tokio_postgres::connect(&url, NoTls).await.unwrap();
        tokio::spawn(connection);
        let sessions = "SELECT ssl FROM pg_stat_ssl JOIN pg_stat_activity USING (pid) WHERE application_name = $1";
        let sessions = client.query(sessions, &[&name]).await.unwrap();
        assert!(!sessions.is_empty() && sessions.iter().all(|session| session.get(0)), "{parameter}: {sessions:?}");
    }
}

#[tokio::test]
async fn postgres_is_left_alone_if_it_does_not_prove_who_it_is() {
    let (config, url) = postgres_config().await;
    assert_untrusted(&trusting(config.clone(), "TEST_MYSQL_CA"), "another authority").await;
    let localhost = at(&config, &url.replace("127.0.0.1", "localhost"));
    assert_untrusted(&trusting(localhost, "TEST_POSTGRES_CA"), "another host").await;
    for parameter in ["sslmode=require", "sslmode=verify-full", "sslmode=verify-ca"] {
        // None of the authorities that browsers trust.
        assert_untrusted(&at(&config, &format!("{url}&{parameter}")), parameter).await;
    }
}

#[tokio::test]
async fn mysql_is_reached_encrypted_if_it_proves_who_it_is() {
    let (config, url) = mysql_config().await;
    // A user that the server refuses in clear text.
    let url = url.replace("//registry:", "//encrypted:");
    let mut in_clear = at(&config, &url);
    in_clear.server.start_timeout = std::time::Duration::ZERO;
    let error = registry_db::open(&in_clear).await.unwrap_err();
    assert!(matches!(error, OpenError::Connect { .. }), "{error:?}");
    for parameter in ["", "?require_ssl=true", "?tls=true"] {
        let config = trusting(at(&config, &format!("{url}{parameter}")), "TEST_MYSQL_CA");
        registry_db::open(&config).await.unwrap().check().await.unwrap();
    }
}

#[tokio::test]
async fn mysql_is_left_alone_if_it_does_not_prove_who_it_is() {
    let (config, url) = mysql_config().await;
    assert_untrusted(&trusting(config.clone(), "TEST_POSTGRES_CA"), "another authority").await;
    let localhost = at(&config, &url.replace("127.0.0.1", "localhost"));
    assert_untrusted(&trusting(localhost, "TEST_MYSQL_CA"), "another host").await;
    for parameter in ["require_ssl=true", "tls=true"] {
        // None of the authorities that browsers trust.
        assert_untrusted(&at(&config, &format!("{url}?{parameter}")), parameter).await;
    }
}

/// Stands for a server that cannot encrypt, and returns what a client says to it after `asked` bytes and the server's
/// `answer`.
async fn said_in_clear(scheme: &str, parameters: &str, asked: usize, answer: &'static [u8]) -> Vec<u8> {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = listener.local_addr().unwrap().port();
    let server = tokio::spawn(async move {
        let (mut client, _) = listener.accept().await.unwrap();
        client.read_exact(&mut vec![0; asked]).await.unwrap();
        client.write_all(answer).await.unwrap();
        let mut said = Vec::new();
        // That the client closes the connection in the middle is as good.
        client.read_to_end(&mut said).await.ok();
        said
    });
    let url = format!("{scheme}://registry:secret@127.0.0.1:{port}/registry?{parameters}");
    let mut config = DatabaseConfig::new(url.parse().unwrap());
    config.server.start_timeout = std::time::Duration::ZERO;
    let error = registry_db::open(&config).await.unwrap_err();
    assert!(matches!(error, OpenError::Connect { .. }), "{parameters}: {error:?}");
    server.await.unwrap()
}

#[tokio::test]
async fn nothing_is_said_to_a_server_that_cannot_encrypt() {
    for parameters in ["sslmode=require", "sslmode=verify-full"] {
        // It is asked in eight bytes whether it can.
        assert_eq!(said_in_clear("postgres", parameters, 8, b"N").await, b"");
    }
    // Says what it can do: to speak as since 4.1, with a database, and with authentication by plugins.
    const GREETING: &[u8] =
        b"\x49\0\0\0\x0a8.0.0\0\x01\0\0\0abcdefgh\0\x09\x82\x21\x02\0\x08\0\x15\0\0\0\0\0\0\0\0\0\0\
        abcdefghijkl\0mysql_native_password\0";
    for parameters in ["require_ssl=true", "tls=true"] {
        assert_eq!(said_in_clear("mysql", parameters, 0, GREETING).await, b"");
    }
}
