//! Manifests that refer to a subject.

use diesel::prelude::*;
use diesel_async::RunQueryDsl;
use registry_core::protocol::digest::Digest;
use registry_core::protocol::reference::RepositoryName;
use registry_core::store::metadata::{Page, Referrer};

use super::dialect::{Backend, Connection};
use super::{history, repository, rows};
use crate::prepared::PreparedDsl;
use crate::schema::manifests;
use crate::stored::{Annotations, Stored};

/// A [`ReferrersQuery`](registry_core::store::metadata::ReferrersQuery) that any thread can carry out.
pub(super) struct Search {
    pub(super) repository: RepositoryName,
    pub(super) subject: String,
    pub(super) artifact_type: Option<String>,
    pub(super) after: String,
    pub(super) limit: usize,
    pub(super) limit_bytes: u64,
}

impl Search {
    pub(super) async fn run(&self, connection: &mut Connection) -> QueryResult<Page<Referrer>> {
        let Some(repository_id) = repository::find(connection, self.repository.as_str()).await? else {
            return Ok(Page { items: Vec::new(), more: false });
        };
        // Sizes first: annotations may be as large as their manifest, and only those of one page are to be in memory.
        let sizes: Vec<i64> = self
            .matches(repository_id)
            .limit(rows(self.limit.saturating_add(1)))
            .select(manifests::size_bytes)
            .prepared()
            .load(connection)
            .await?;
        let count = self.fitting(sizes.iter().map(|size_bytes| size_bytes.cast_unsigned()));
        let found: Vec<ReferrerRow> = self
            .matches(repository_id)
            .limit(rows(count))
            .select(ReferrerRow::as_select())
            .prepared()
            .load(connection)
            .await?;
        Ok(Page { items: found.into_iter().map(Referrer::from).collect(), more: count < sizes.len() })
    }

    fn matches(&self, repository_id: i64) -> manifests::BoxedQuery<'_, Backend> {
        let of_subject = manifests::table
            .filter(manifests::repository_id.eq(repository_id))
            .filter(manifests::subject.eq(&self.subject))
            .filter(manifests::digest.gt(&self.after))
            .filter(history::visible())
            .order(manifests::digest)
            .into_boxed();
        match &self.artifact_type {
            Some(artifact_type) => of_subject.filter(manifests::artifact_type.eq(artifact_type)),
            None => of_subject,
        }
    }

    /// Returns how many of the sizes make up the page.
    fn fitting(&self, sizes: impl Iterator<Item = u64>) -> usize {
        let totals = sizes.scan(0u64, |total, size| {
            *total = total.saturating_add(size);
            Some(*total)
        });
        let within = |(index, total): &(usize, u64)| *index == 0 || (*index < self.limit && *total <= self.limit_bytes);
        totals.enumerate().take_while(within).count()
    }
}

#[derive(Queryable, Selectable)]
#[diesel(table_name = manifests)]
struct ReferrerRow {
    digest: Stored<Digest>,
    media_type: String,
    size_bytes: i64,
    artifact_type: Option<String>,
    annotations: Annotations,
}

impl From<ReferrerRow> for Referrer {
    fn from(row: ReferrerRow) -> Self {
        Self {
            digest: row.digest.0,
            media_type: row.media_type,
            size_bytes: row.size_bytes.cast_unsigned(),
            artifact_type: row.artifact_type,
            annotations: row.annotations.0,
        }
    }
}
