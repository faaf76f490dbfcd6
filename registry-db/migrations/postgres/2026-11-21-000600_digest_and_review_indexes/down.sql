CREATE INDEX gc_manifest_reviews_by_date ON gc_manifest_reviews (review_after);
DROP INDEX gc_manifest_reviews_in_order;
CREATE INDEX gc_blob_reviews_by_date ON gc_blob_reviews (review_after);
DROP INDEX gc_blob_reviews_in_order;
DROP INDEX manifests_by_digest_alone;
