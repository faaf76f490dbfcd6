use async_trait::async_trait;

use super::MemoryMetadataStore;
use crate::store::metadata::{Review, ReviewStore};
use crate::store::{StoreResult, Timestamp};

#[async_trait]
impl ReviewStore for MemoryMetadataStore {
    async fn due_reviews(&self, now: Timestamp, limit: usize) -> StoreResult<Vec<Review>> {
        let tables = self.tables();
        let mut due: Vec<Review> = tables
            .reviews
            .iter()
            .filter(|(_, queued)| queued.review_after <= now)
            .map(|(subject, queued)| Review { subject: subject.clone(), review_after: queued.review_after })
            .collect();
        due.sort_by_key(|review| review.review_after);
        due.truncate(limit);
        Ok(due)
    }
}
