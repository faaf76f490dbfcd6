//! Columns whose text has a grammar. Text that does not follow it is damage, and fails the query.

use std::collections::BTreeMap;
use std::error::Error;
use std::str::FromStr;

use diesel::backend::Backend;
use diesel::deserialize::{self, FromSql, FromSqlRow};
use diesel::sql_types;

/// A value that is kept as text.
#[derive(Debug, FromSqlRow)]
#[diesel(sql_type = sql_types::Text)]
pub(crate) struct Stored<T>(pub(crate) T);

impl<T, DB> FromSql<sql_types::Text, DB> for Stored<T>
where
    DB: Backend,
    String: FromSql<sql_types::Text, DB>,
    T: FromStr<Err: Error + Send + Sync + 'static>,
{
    fn from_sql(bytes: DB::RawValue<'_>) -> deserialize::Result<Self> {
        Ok(Self(String::from_sql(bytes)?.parse()?))
    }
}

/// Annotations, kept as a JSON object.
#[derive(Debug, FromSqlRow)]
#[diesel(sql_type = sql_types::Text)]
pub(crate) struct Annotations(pub(crate) BTreeMap<String, String>);

impl Annotations {
    /// Returns the text that is kept.
    pub(crate) fn to_text(annotations: &BTreeMap<String, String>) -> String {
        serde_json::to_string(annotations).expect("a map of strings is JSON")
    }
}

impl<DB> FromSql<sql_types::Text, DB> for Annotations
where
    DB: Backend,
    String: FromSql<sql_types::Text, DB>,
{
    fn from_sql(bytes: DB::RawValue<'_>) -> deserialize::Result<Self> {
        Ok(Self(serde_json::from_str(&String::from_sql(bytes)?)?))
    }
}
