DROP TABLE IF EXISTS namespace_blobs;
DROP TABLE IF EXISTS namespace_usage;
DROP TABLE IF EXISTS repository_usage;
SET @change = IF(
  (SELECT COUNT(*) FROM information_schema.columns
   WHERE table_schema = DATABASE() AND table_name = 'manifest_blobs' AND column_name = 'repository_id') > 0,
  'ALTER TABLE manifest_blobs ADD KEY manifest_blobs_by_blob (blob_id), DROP KEY manifest_blobs_by_blob_and_repository,
     DROP COLUMN repository_id',
  'DO 0');
PREPARE change_manifest_blobs FROM @change;
EXECUTE change_manifest_blobs;
DEALLOCATE PREPARE change_manifest_blobs;
DROP TABLE IF EXISTS withdrawn_manifests;
DROP TABLE IF EXISTS tag_history;
