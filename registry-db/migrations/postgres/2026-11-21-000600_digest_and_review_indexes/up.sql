-- For whoever asks whether a file among the blobs is a manifest of any repository.
CREATE INDEX manifests_by_digest_alone ON manifests (digest);

-- With the id, so that what is due comes in order, however much has the same date. Other databases have it in every index.
CREATE INDEX gc_blob_reviews_in_order ON gc_blob_reviews (review_after, blob_id);
DROP INDEX gc_blob_reviews_by_date;
CREATE INDEX gc_manifest_reviews_in_order ON gc_manifest_reviews (review_after, manifest_id);
DROP INDEX gc_manifest_reviews_by_date;
