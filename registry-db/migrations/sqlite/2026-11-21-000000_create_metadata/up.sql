-- Text compares by bytes (SQLite's default BINARY collation): tags differ by case, and pages come in byte order.
-- Times are microseconds since the Unix epoch. Digests are `<algorithm>:<hex>`.

CREATE TABLE repositories (
  id INTEGER PRIMARY KEY NOT NULL,
  name TEXT NOT NULL UNIQUE,
  -- Whether it has a manifest, so that a catalog page is one range of the index below.
  listed BOOLEAN NOT NULL,
  created_at BIGINT NOT NULL
);
CREATE INDEX repositories_by_listed ON repositories (listed, name);

CREATE TABLE blobs (
  id INTEGER PRIMARY KEY NOT NULL,
  digest TEXT NOT NULL UNIQUE,
  size_bytes BIGINT NOT NULL,
  location TEXT NOT NULL,
  -- 0: live; 1: being deleted, and gone for every reader.
  state SMALLINT NOT NULL,
  created_at BIGINT NOT NULL
);

CREATE TABLE repository_blobs (
  repository_id BIGINT NOT NULL REFERENCES repositories (id),
  blob_id BIGINT NOT NULL REFERENCES blobs (id),
  PRIMARY KEY (repository_id, blob_id)
) WITHOUT ROWID;
CREATE INDEX repository_blobs_by_blob ON repository_blobs (blob_id);

-- The payload stands last: SQLite reads a row only as far as it has to.
CREATE TABLE manifests (
  id INTEGER PRIMARY KEY NOT NULL,
  repository_id BIGINT NOT NULL REFERENCES repositories (id),
  digest TEXT NOT NULL,
  media_type TEXT NOT NULL,
  artifact_type TEXT,
  subject TEXT,
  size_bytes BIGINT NOT NULL,
  created_at BIGINT NOT NULL,
  annotations TEXT NOT NULL,
  payload BLOB NOT NULL,
  UNIQUE (repository_id, digest)
);
CREATE INDEX manifests_by_subject ON manifests (repository_id, subject, digest);
CREATE INDEX manifests_by_subject_and_type ON manifests (repository_id, subject, artifact_type, digest);

CREATE TABLE manifest_blobs (
  manifest_id BIGINT NOT NULL REFERENCES manifests (id),
  blob_id BIGINT NOT NULL REFERENCES blobs (id),
  PRIMARY KEY (manifest_id, blob_id)
) WITHOUT ROWID;
CREATE INDEX manifest_blobs_by_blob ON manifest_blobs (blob_id);

-- By digest, because a child of a sparse index need not exist.
CREATE TABLE manifest_children (
  manifest_id BIGINT NOT NULL REFERENCES manifests (id),
  repository_id BIGINT NOT NULL REFERENCES repositories (id),
  digest TEXT NOT NULL,
  PRIMARY KEY (manifest_id, digest)
) WITHOUT ROWID;
CREATE INDEX manifest_children_by_digest ON manifest_children (repository_id, digest);

CREATE TABLE tags (
  repository_id BIGINT NOT NULL REFERENCES repositories (id),
  name TEXT NOT NULL,
  manifest_id BIGINT NOT NULL REFERENCES manifests (id),
  updated_at BIGINT NOT NULL,
  PRIMARY KEY (repository_id, name)
) WITHOUT ROWID;
CREATE INDEX tags_by_manifest ON tags (manifest_id);

-- The repository by name: an upload does not bring it into being.
CREATE TABLE uploads (
  id TEXT PRIMARY KEY NOT NULL,
  repository TEXT NOT NULL,
  staged TEXT NOT NULL,
  offset_bytes BIGINT NOT NULL,
  algorithm TEXT NOT NULL,
  digester_state BLOB NOT NULL,
  started_at BIGINT NOT NULL,
  expires_at BIGINT NOT NULL,
  claim TEXT,
  claimed_until BIGINT
);
CREATE INDEX uploads_by_expiry ON uploads (expires_at, id);

CREATE TABLE gc_blob_reviews (
  blob_id INTEGER PRIMARY KEY NOT NULL REFERENCES blobs (id),
  review_after BIGINT NOT NULL,
  review_count INTEGER NOT NULL DEFAULT 0
);
CREATE INDEX gc_blob_reviews_by_date ON gc_blob_reviews (review_after);

CREATE TABLE gc_manifest_reviews (
  manifest_id INTEGER PRIMARY KEY NOT NULL REFERENCES manifests (id),
  review_after BIGINT NOT NULL,
  review_count INTEGER NOT NULL DEFAULT 0
);
CREATE INDEX gc_manifest_reviews_by_date ON gc_manifest_reviews (review_after);
