//! `LOCK IN SHARE MODE`, which MySQL and MariaDB both know; diesel writes `FOR SHARE`, which MariaDB does not.

use diesel::mysql::Mysql;
use diesel::query_builder::{AstPass, Query, QueryFragment, QueryId};
use diesel::query_dsl::methods::LimitDsl;
use diesel::result::QueryResult;

/// A query that keeps others from changing the rows it reads until the transaction ends.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Shared<Q>(pub(crate) Q);

impl<Q: QueryFragment<Mysql>> QueryFragment<Mysql> for Shared<Q> {
    fn walk_ast<'b>(&'b self, mut pass: AstPass<'_, 'b, Mysql>) -> QueryResult<()> {
        self.0.walk_ast(pass.reborrow())?;
        pass.push_sql(" LOCK IN SHARE MODE");
        Ok(())
    }
}

impl<Q: QueryId> QueryId for Shared<Q> {
    type QueryId = Shared<Q::QueryId>;
    const HAS_STATIC_QUERY_ID: bool = Q::HAS_STATIC_QUERY_ID;
}

impl<Q: Query> Query for Shared<Q> {
    type SqlType = Q::SqlType;
}

impl<Q: LimitDsl> LimitDsl for Shared<Q> {
    type Output = Shared<Q::Output>;

    fn limit(self, limit: i64) -> Self::Output {
        Shared(self.0.limit(limit))
    }
}
