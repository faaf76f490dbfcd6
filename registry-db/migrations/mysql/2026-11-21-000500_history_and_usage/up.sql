-- What tags pointed to before they moved or went, for as long as that can be restored. Each row keeps its manifest.
CREATE TABLE IF NOT EXISTS tag_history (
  repository_id BIGINT NOT NULL,
  name VARBINARY(255) NOT NULL,
  ended_at BIGINT NOT NULL,
  manifest_id BIGINT NOT NULL,
  set_at BIGINT NOT NULL,
  restorable_until BIGINT NOT NULL,
  PRIMARY KEY (repository_id, name, ended_at, manifest_id),
  KEY tag_history_by_manifest (manifest_id),
  KEY tag_history_by_date (restorable_until),
  CONSTRAINT tag_history_repository FOREIGN KEY (repository_id) REFERENCES repositories (id),
  CONSTRAINT tag_history_manifest FOREIGN KEY (manifest_id) REFERENCES manifests (id)
) ENGINE=InnoDB;

-- Manifests that were deleted, and are kept for their history alone. Nobody can see them.
CREATE TABLE IF NOT EXISTS withdrawn_manifests (
  manifest_id BIGINT NOT NULL PRIMARY KEY,
  CONSTRAINT withdrawn_manifests_manifest FOREIGN KEY (manifest_id) REFERENCES manifests (id)
) ENGINE=InnoDB;

-- With the repository, so that one look finds out whether another of its manifests refers to the same blob. One statement,
-- which runs only if it did not run before.
SET @change = IF(
  (SELECT COUNT(*) FROM information_schema.columns
   WHERE table_schema = DATABASE() AND table_name = 'manifest_blobs' AND column_name = 'repository_id') = 0,
  'ALTER TABLE manifest_blobs ADD COLUMN repository_id BIGINT NOT NULL DEFAULT 0,
     ADD KEY manifest_blobs_by_blob_and_repository (blob_id, repository_id), DROP KEY manifest_blobs_by_blob',
  'DO 0');
PREPARE change_manifest_blobs FROM @change;
EXECUTE change_manifest_blobs;
DEALLOCATE PREPARE change_manifest_blobs;
UPDATE manifest_blobs JOIN manifests ON manifests.id = manifest_blobs.manifest_id
SET manifest_blobs.repository_id = manifests.repository_id;

-- How much there is in a repository. Manifests are counted if they can be seen; their bytes as long as they are kept.
CREATE TABLE IF NOT EXISTS repository_usage (
  repository_id BIGINT NOT NULL PRIMARY KEY,
  -- What stands before the first `/` of the name, and the name itself.
  namespace VARBINARY(255) NOT NULL,
  name VARBINARY(255) NOT NULL,
  manifest_count BIGINT NOT NULL,
  tag_count BIGINT NOT NULL,
  logical_bytes BIGINT NOT NULL,
  unique_bytes BIGINT NOT NULL,
  UNIQUE KEY repository_usage_by_namespace (namespace, name),
  CONSTRAINT repository_usage_repository FOREIGN KEY (repository_id) REFERENCES repositories (id)
) ENGINE=InnoDB;

-- How much there is in a namespace: the sum of its stripes, of which there are several so that pushes do not wait for
-- each other. A single stripe can be less than nothing.
CREATE TABLE IF NOT EXISTS namespace_usage (
  namespace VARBINARY(255) NOT NULL,
  stripe SMALLINT NOT NULL,
  manifest_count BIGINT NOT NULL,
  tag_count BIGINT NOT NULL,
  logical_bytes BIGINT NOT NULL,
  unique_bytes BIGINT NOT NULL,
  PRIMARY KEY (namespace, stripe)
) ENGINE=InnoDB;

-- In how many repositories of a namespace a manifest refers to a blob.
CREATE TABLE IF NOT EXISTS namespace_blobs (
  namespace VARBINARY(255) NOT NULL,
  blob_id BIGINT NOT NULL,
  repository_count BIGINT NOT NULL,
  PRIMARY KEY (namespace, blob_id)
) ENGINE=InnoDB;

INSERT IGNORE INTO repository_usage
SELECT
  id,
  IF(LOCATE('/', name) > 0, SUBSTRING_INDEX(name, '/', 1), ''),
  name,
  (SELECT COUNT(*) FROM manifests WHERE repository_id = repositories.id),
  (SELECT COUNT(*) FROM tags WHERE repository_id = repositories.id),
  (SELECT COALESCE(SUM(size_bytes), 0) FROM manifests WHERE repository_id = repositories.id)
    + (SELECT COALESCE(SUM(blobs.size_bytes), 0) FROM manifest_blobs JOIN blobs ON blobs.id = blob_id
       WHERE repository_id = repositories.id),
  (SELECT COALESCE(SUM(size_bytes), 0) FROM manifests WHERE repository_id = repositories.id)
    + (SELECT COALESCE(SUM(size_bytes), 0) FROM blobs
       WHERE id IN (SELECT blob_id FROM manifest_blobs WHERE repository_id = repositories.id))
FROM repositories;

INSERT IGNORE INTO namespace_blobs
SELECT namespace, blob_id, COUNT(DISTINCT manifest_blobs.repository_id)
FROM manifest_blobs JOIN repository_usage ON repository_usage.repository_id = manifest_blobs.repository_id
GROUP BY namespace, blob_id;

INSERT IGNORE INTO namespace_usage
SELECT
  counted.namespace,
  0,
  SUM(manifest_count),
  SUM(tag_count),
  SUM(logical_bytes),
  (SELECT COALESCE(SUM(manifests.size_bytes), 0)
   FROM manifests JOIN repository_usage AS one ON one.repository_id = manifests.repository_id
   WHERE one.namespace = counted.namespace)
    + (SELECT COALESCE(SUM(blobs.size_bytes), 0) FROM namespace_blobs JOIN blobs ON blobs.id = blob_id
       WHERE namespace_blobs.namespace = counted.namespace)
FROM repository_usage AS counted GROUP BY counted.namespace;
