//! Databases by the names that the Go driver for MySQL has for them.
//!
//! Source: go-sql-driver/mysql, "DSN (Data Source Name)".

use std::borrow::Cow;
use std::fmt;
use std::str::FromStr;

use registry_db::{CatalogTableConfig, CatalogTableTls, MysqlAddress};
use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::{Deserialize, Serialize};

use super::GoDuration;

const DEFAULT_PORT: u16 = 3306;
const DEFAULT_SOCKET: &str = "/tmp/mysql.sock";

/// Parameters that say how a Go program reads rows, or what nothing here depends on.
const OF_GO_ALONE: [&str; 15] = [
    "allowAllFiles",
    "allowNativePasswords",
    "charset",
    "checkConnLiveness",
    "clientFoundRows",
    "collation",
    "columnsWithAlias",
    "connectionAttributes",
    "interpolateParams",
    "loc",
    "maxAllowedPacket",
    "multiStatements",
    "parseTime",
    "rejectReadOnly",
    "timeTruncate",
];

/// `USER:PASSWORD@tcp(HOST:PORT)/DATABASE?PARAMETER=VALUE`, or `unix(PATH)` in the place of `tcp(HOST:PORT)`. Shown
/// without its password and its parameters.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct MysqlDsn {
    config: CatalogTableConfig,
    without_effect: Vec<String>,
}

/// Why a text is no such name. The text itself is not repeated: it may hold a password.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum MysqlDsnError {
    /// It has another form.
    #[error("expected `USER:PASSWORD@tcp(HOST:PORT)/DATABASE`")]
    Form,
    /// It names no database.
    #[error("no database is named; expected `USER:PASSWORD@tcp(HOST:PORT)/DATABASE`")]
    Database,
    /// The server is reached in another way.
    #[error("the server's address: expected `tcp(HOST:PORT)` or `unix(PATH)`")]
    Address,
    /// A parameter has another value.
    #[error("parameter `{name}`: expected {expected}")]
    Parameter {
        /// Its name.
        name: &'static str,
        /// What its value may be.
        expected: &'static str,
    },
}

impl MysqlDsn {
    /// Returns where the database is, and how it is reached.
    pub fn config(&self) -> &CatalogTableConfig {
        &self.config
    }

    /// Returns the names of the parameters that Go's driver would have acted upon and that have no effect here.
    pub fn without_effect(&self) -> &[String] {
        &self.without_effect
    }

    fn set(&mut self, name: &str, value: &str) -> Result<(), MysqlDsnError> {
        match name {
            "tls" => {
                self.config.tls = match value {
                    "false" => CatalogTableTls::Disabled,
                    "true" => CatalogTableTls::Verified,
                    "preferred" => CatalogTableTls::Preferred,
                    "skip-verify" => CatalogTableTls::Unverified,
                    _ => {
                        let expected = "`true`, `false`, `preferred` or `skip-verify`";
                        return Err(MysqlDsnError::Parameter { name: "tls", expected });
                    }
                }
            }
            "timeout" => set_duration(&mut self.config.connect_timeout, "timeout", value)?,
            "readTimeout" => set_duration(&mut self.config.timeout, "readTimeout", value)?,
            "allowCleartextPasswords" => {
                self.config.cleartext_password = match value {
                    "true" | "1" => true,
                    "false" | "0" => false,
                    _ => {
                        let expected = "`true` or `false`";
                        return Err(MysqlDsnError::Parameter { name: "allowCleartextPasswords", expected });
                    }
                }
            }
            _ if OF_GO_ALONE.contains(&name) => {}
            _ => self.without_effect.push(super::super::problem::shorten(name)),
        }
        Ok(())
    }
}

/// To Go, zero is the same as nothing said.
fn set_duration(duration: &mut std::time::Duration, name: &'static str, value: &str) -> Result<(), MysqlDsnError> {
    let expected = "a duration such as `10s`";
    let given: GoDuration = value.parse().map_err(|_| MysqlDsnError::Parameter { name, expected })?;
    if !given.is_zero() {
        *duration = given.get();
    }
    Ok(())
}

/// Reads `tcp(HOST:PORT)`, `unix(PATH)`, or either without its parentheses.
fn address(text: &str) -> Result<MysqlAddress, MysqlDsnError> {
    let (protocol, place) = match text.split_once('(') {
        Some((protocol, place)) => (protocol, place.strip_suffix(')').ok_or(MysqlDsnError::Address)?),
        None => (text, ""),
    };
    match protocol {
        "" | "tcp" => {
            // The colons of an IPv6 address are in brackets.
            let (host, port) = match place.rsplit_once(':') {
                Some((host, port)) if !port.contains(']') => (host, port.parse().map_err(|_| MysqlDsnError::Address)?),
                _ => (place, DEFAULT_PORT),
            };
            let host = host.strip_prefix('[').and_then(|host| host.strip_suffix(']')).unwrap_or(host);
            Ok(MysqlAddress::Tcp { host: if host.is_empty() { "127.0.0.1" } else { host }.to_owned(), port })
        }
        "unix" => Ok(MysqlAddress::Unix(if place.is_empty() { DEFAULT_SOCKET } else { place }.into())),
        _ => Err(MysqlDsnError::Address),
    }
}

impl FromStr for MysqlDsn {
    type Err = MysqlDsnError;

    fn from_str(text: &str) -> Result<Self, MysqlDsnError> {
        // Passwords and sockets may have a `/`, parameters and names of databases have it escaped.
        let (place, database) = text.rsplit_once('/').ok_or(MysqlDsnError::Form)?;
        let (database, parameters) = database.split_once('?').unwrap_or((database, ""));
        if database.is_empty() {
            return Err(MysqlDsnError::Database);
        }
        let database = percent_encoding::percent_decode_str(database).decode_utf8().map_err(|_| MysqlDsnError::Form)?;
        let (account, place) = match place.rsplit_once('@') {
            Some((account, place)) => (Some(account), place),
            None => (None, place),
        };
        let mut config = CatalogTableConfig::new(address(place)?, database);
        if let Some(account) = account {
            let (user, password) = match account.split_once(':') {
                Some((user, password)) => (user, Some(password)),
                None => (account, None),
            };
            config.user = Some(user.to_owned()).filter(|user| !user.is_empty());
            config.password = password.map(str::to_owned);
        }
        let mut dsn = Self { config, without_effect: Vec::new() };
        for parameter in parameters.split('&').filter(|parameter| !parameter.is_empty()) {
            let (name, value) = parameter.split_once('=').ok_or(MysqlDsnError::Form)?;
            dsn.set(name, value)?;
        }
        Ok(dsn)
    }
}

impl fmt::Display for MysqlDsn {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.config.fmt(f)
    }
}

impl fmt::Debug for MysqlDsn {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl TryFrom<String> for MysqlDsn {
    type Error = MysqlDsnError;

    fn try_from(text: String) -> Result<Self, MysqlDsnError> {
        text.parse()
    }
}

impl From<MysqlDsn> for String {
    fn from(dsn: MysqlDsn) -> Self {
        dsn.to_string()
    }
}

impl JsonSchema for MysqlDsn {
    fn schema_name() -> Cow<'static, str> {
        "MysqlDsn".into()
    }

    /// A secret, so that a file can hold it.
    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({ "type": "string", "x-secret": true })
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    fn parse(text: &str) -> MysqlDsn {
        text.parse().unwrap_or_else(|error| panic!("{text}: {error}"))
    }

    #[test]
    fn addresses_are_those_of_go() {
        for (text, shown) in [
            ("registry:secret@tcp(db:3307)/domeos", "registry@tcp(db:3307)/domeos"),
            ("registry:secret@tcp(db)/domeos", "registry@tcp(db:3306)/domeos"),
            ("registry:secret@tcp(:3307)/domeos", "registry@tcp(127.0.0.1:3307)/domeos"),
            ("registry@tcp([de:ad:be:ef::ca:fe]:80)/domeos", "registry@tcp([de:ad:be:ef::ca:fe]:80)/domeos"),
            ("registry@tcp([::1])/domeos", "registry@tcp([::1]:3306)/domeos"),
            ("registry@unix(/run/mysqld/mysqld.sock)/domeos", "registry@unix(/run/mysqld/mysqld.sock)/domeos"),
            ("registry@unix/domeos", "registry@unix(/tmp/mysql.sock)/domeos"),
            ("registry@/domeos", "registry@tcp(127.0.0.1:3306)/domeos"),
            ("/domeos", "tcp(127.0.0.1:3306)/domeos"),
            ("registry@tcp(db)/dom%2Feos", "registry@tcp(db:3306)/dom/eos"),
        ] {
            assert_eq!(parse(text).to_string(), shown, "{text}");
        }
    }

    #[test]
    fn passwords_need_no_escapes() {
        for password in ["", "a:b", "a@b", "a/b", "a@tcp(b)/c?d=e&f"] {
            let dsn = parse(&format!("registry:{password}@tcp(db)/domeos"));
            assert_eq!(
                (dsn.config.user.as_deref(), dsn.config.password.as_deref()),
                (Some("registry"), Some(password))
            );
        }
    }

    #[test]
    fn parameters_have_the_effect_of_go_or_are_named() {
        let dsn = parse(
            "registry@tcp(db)/domeos?loc=Local&parseTime=true&tls=skip-verify&timeout=1.5s&readTimeout=0&\
             allowCleartextPasswords=true&sql_mode=ANSI&serverPubKey=x",
        );
        assert_eq!(dsn.config.tls, CatalogTableTls::Unverified);
        assert_eq!(dsn.config.connect_timeout, Duration::from_millis(1500));
        assert_eq!(dsn.config.timeout, Duration::from_secs(30));
        assert!(dsn.config.cleartext_password);
        assert_eq!(dsn.without_effect(), ["sql_mode", "serverPubKey"]);
    }

    #[test]
    fn other_texts_are_refused_without_repeating_secrets() {
        for (text, expected) in [
            ("", "expected `USER:PASSWORD@tcp(HOST:PORT)/DATABASE`"),
            ("registry:hunter2@tcp(db:3306)", "expected `USER:PASSWORD@tcp(HOST:PORT)/DATABASE`"),
            (
                "registry:hunter2@tcp(db:3306)/",
                "no database is named; expected `USER:PASSWORD@tcp(HOST:PORT)/DATABASE`",
            ),
            ("registry:hunter2@db:3306/d", "the server's address: expected `tcp(HOST:PORT)` or `unix(PATH)`"),
            ("registry:hunter2@tcp(db:x)/d", "the server's address: expected `tcp(HOST:PORT)` or `unix(PATH)`"),
            ("registry:hunter2@tcp(db:1/d", "the server's address: expected `tcp(HOST:PORT)` or `unix(PATH)`"),
            ("mysql://registry:hunter2@db/d", "the server's address: expected `tcp(HOST:PORT)` or `unix(PATH)`"),
            ("registry:hunter2@/d?hunter2", "expected `USER:PASSWORD@tcp(HOST:PORT)/DATABASE`"),
            (
                "registry:hunter2@/d?tls=custom",
                "parameter `tls`: expected `true`, `false`, `preferred` or `skip-verify`",
            ),
            ("registry:hunter2@/d?timeout=soon", "parameter `timeout`: expected a duration such as `10s`"),
        ] {
            assert_eq!(text.parse::<MysqlDsn>().unwrap_err().to_string(), expected, "{text}");
        }
        let dsn = parse("registry:hunter2@tcp(db)/domeos?sql_mode=hunter2");
        assert!(!format!("{dsn} {dsn:?} {:?}", dsn.config).contains("hunter2"));
    }
}
