-- What tags pointed to before they moved or went, for as long as that can be restored. Each row keeps its manifest.
CREATE TABLE tag_history (
  repository_id BIGINT NOT NULL REFERENCES repositories (id),
  name TEXT NOT NULL,
  ended_at BIGINT NOT NULL,
  manifest_id BIGINT NOT NULL REFERENCES manifests (id),
  set_at BIGINT NOT NULL,
  restorable_until BIGINT NOT NULL,
  PRIMARY KEY (repository_id, name, ended_at, manifest_id)
) WITHOUT ROWID;
CREATE INDEX tag_history_by_manifest ON tag_history (manifest_id);
CREATE INDEX tag_history_by_date ON tag_history (restorable_until);

-- Manifests that were deleted, and are kept for their history alone. Nobody can see them.
CREATE TABLE withdrawn_manifests (
  manifest_id INTEGER PRIMARY KEY NOT NULL REFERENCES manifests (id)
);

-- With the repository, so that one look finds out whether another of its manifests refers to the same blob.
ALTER TABLE manifest_blobs ADD COLUMN repository_id BIGINT NOT NULL DEFAULT 0;
UPDATE manifest_blobs SET repository_id = (SELECT repository_id FROM manifests WHERE manifests.id = manifest_id);
DROP INDEX manifest_blobs_by_blob;
CREATE INDEX manifest_blobs_by_blob ON manifest_blobs (blob_id, repository_id);

-- How much there is in a repository. Manifests are counted if they can be seen; their bytes as long as they are kept.
CREATE TABLE repository_usage (
  repository_id INTEGER PRIMARY KEY NOT NULL REFERENCES repositories (id),
  -- What stands before the first `/` of the name, and the name itself.
  namespace TEXT NOT NULL,
  name TEXT NOT NULL,
  manifest_count BIGINT NOT NULL,
  tag_count BIGINT NOT NULL,
  logical_bytes BIGINT NOT NULL,
  unique_bytes BIGINT NOT NULL
);
CREATE UNIQUE INDEX repository_usage_by_namespace ON repository_usage (namespace, name);

-- How much there is in a namespace: the sum of its stripes, of which there are several so that pushes do not wait for
-- each other. A single stripe can be less than nothing.
CREATE TABLE namespace_usage (
  namespace TEXT NOT NULL,
  stripe SMALLINT NOT NULL,
  manifest_count BIGINT NOT NULL,
  tag_count BIGINT NOT NULL,
  logical_bytes BIGINT NOT NULL,
  unique_bytes BIGINT NOT NULL,
  PRIMARY KEY (namespace, stripe)
) WITHOUT ROWID;

-- In how many repositories of a namespace a manifest refers to a blob.
CREATE TABLE namespace_blobs (
  namespace TEXT NOT NULL,
  blob_id BIGINT NOT NULL,
  repository_count BIGINT NOT NULL,
  PRIMARY KEY (namespace, blob_id)
) WITHOUT ROWID;

INSERT INTO repository_usage
SELECT
  id,
  CASE WHEN instr(name, '/') > 0 THEN substr(name, 1, instr(name, '/') - 1) ELSE '' END,
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

INSERT INTO namespace_blobs
SELECT namespace, blob_id, COUNT(DISTINCT manifest_blobs.repository_id)
FROM manifest_blobs JOIN repository_usage ON repository_usage.repository_id = manifest_blobs.repository_id
GROUP BY namespace, blob_id;

INSERT INTO namespace_usage
SELECT
  namespace,
  0,
  SUM(manifest_count),
  SUM(tag_count),
  SUM(logical_bytes),
  (SELECT COALESCE(SUM(manifests.size_bytes), 0)
   FROM manifests JOIN repository_usage AS one ON one.repository_id = manifests.repository_id
   WHERE one.namespace = repository_usage.namespace)
    + (SELECT COALESCE(SUM(blobs.size_bytes), 0) FROM namespace_blobs JOIN blobs ON blobs.id = blob_id
       WHERE namespace_blobs.namespace = repository_usage.namespace)
FROM repository_usage GROUP BY namespace;
