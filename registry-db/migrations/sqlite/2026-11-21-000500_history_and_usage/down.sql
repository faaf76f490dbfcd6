DROP TABLE namespace_blobs;
DROP TABLE namespace_usage;
DROP TABLE repository_usage;
DROP INDEX manifest_blobs_by_blob;
ALTER TABLE manifest_blobs DROP COLUMN repository_id;
CREATE INDEX manifest_blobs_by_blob ON manifest_blobs (blob_id);
DROP TABLE withdrawn_manifests;
DROP TABLE tag_history;
