//! Statements that a connection prepares once.
//!
//! diesel keeps prepared statements by their text, but not those whose text could depend on their values, such as updates,
//! upserts and lists, and preparing takes longer than running. The statements here have few texts: no column is ever left
//! out, and lists come in few lengths.

use diesel::backend::Backend;
use diesel::query_builder::{AstPass, Query, QueryFragment, QueryId};
use diesel::result::QueryResult;

/// How many values a list has: databases limit the values that a statement takes.
const LIST_LENGTHS: [usize; 4] = [1, 8, 64, 500];

/// A statement that is kept once it is prepared.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Prepared<Q>(Q);

pub(crate) trait PreparedDsl: Sized {
    /// Has the statement kept. Only for statements of which there are few texts.
    fn prepared(self) -> Prepared<Self> {
        Prepared(self)
    }
}

impl<Q> PreparedDsl for Q {}

impl<DB: Backend, Q: QueryFragment<DB>> QueryFragment<DB> for Prepared<Q> {
    fn walk_ast<'b>(&'b self, pass: AstPass<'_, 'b, DB>) -> QueryResult<()> {
        self.0.walk_ast(pass)
    }

    fn is_safe_to_cache_prepared(&self, _: &DB) -> QueryResult<bool> {
        Ok(true)
    }
}

/// It is known by its text alone.
impl<Q> QueryId for Prepared<Q> {
    type QueryId = ();
    const HAS_STATIC_QUERY_ID: bool = false;
}

impl<Q: Query> Query for Prepared<Q> {
    type SqlType = Q::SqlType;
}

/// Cuts values into lists of few lengths. The last repeats a value as often as need be, so it is for questions where that
/// makes no difference.
pub(crate) fn lists<T: Clone>(values: &[T]) -> impl Iterator<Item = Vec<T>> {
    let longest = LIST_LENGTHS[LIST_LENGTHS.len() - 1];
    values.chunks(longest).map(move |values| {
        let length = LIST_LENGTHS.into_iter().find(|length| *length >= values.len()).unwrap_or(longest);
        let fill = values.iter().cycle().take(length);
        fill.cloned().collect()
    })
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    #[test]
    fn lists_have_all_values_and_few_lengths() {
        let mut lengths = BTreeSet::new();
        for count in 0..1200 {
            let values: Vec<usize> = (0..count).collect();
            let lists: Vec<Vec<usize>> = lists(&values).collect();
            assert_eq!(lists.iter().flatten().copied().collect::<BTreeSet<_>>(), values.into_iter().collect());
            lengths.extend(lists.iter().map(Vec::len));
        }
        assert_eq!(lengths, BTreeSet::from(LIST_LENGTHS));
    }
}
