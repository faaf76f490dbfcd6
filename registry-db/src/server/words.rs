//! Words that both servers have.

use diesel::sql_types::BigInt;

diesel::define_sql_function! {
    /// The later of two dates.
    #[sql_name = "greatest"]
    fn later(one: BigInt, other: BigInt) -> BigInt;
}

/// Inserts rows and leaves those that are there alone.
macro_rules! insert_all {
    ($connection:expr, $table:expr, $rows:expr) => {
        for rows in crate::prepared::lists(&$rows) {
            let insert = diesel::insert_into($table).values(rows).on_conflict_do_nothing();
            crate::prepared::PreparedDsl::prepared(insert).execute($connection).await?;
        }
    };
}

pub(crate) use insert_all;
