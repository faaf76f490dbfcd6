-- Names, tags and digests are VARBINARY, so that they compare by bytes whatever the database's collation is: tags differ
-- by case, and pages come in byte order. Times are microseconds since the Unix epoch. Digests are `<algorithm>:<hex>`.
--
-- The database commits each of these statements by itself. A start that was interrupted runs them all again, so each of
-- them leaves alone what is there already.

CREATE TABLE IF NOT EXISTS repositories (
  id BIGINT NOT NULL AUTO_INCREMENT PRIMARY KEY,
  name VARBINARY(255) NOT NULL,
  -- Whether it has a manifest, so that a catalog page is one range of the index below.
  listed BOOLEAN NOT NULL,
  created_at BIGINT NOT NULL,
  UNIQUE KEY repositories_by_name (name),
  KEY repositories_by_listed (listed, name)
) ENGINE=InnoDB;

CREATE TABLE IF NOT EXISTS blobs (
  id BIGINT NOT NULL AUTO_INCREMENT PRIMARY KEY,
  digest VARBINARY(255) NOT NULL,
  size_bytes BIGINT NOT NULL,
  location VARBINARY(4096) NOT NULL,
  -- 0: live; 1: being deleted, and gone for every reader.
  state SMALLINT NOT NULL,
  created_at BIGINT NOT NULL,
  UNIQUE KEY blobs_by_digest (digest)
) ENGINE=InnoDB;

CREATE TABLE IF NOT EXISTS repository_blobs (
  repository_id BIGINT NOT NULL,
  blob_id BIGINT NOT NULL,
  PRIMARY KEY (repository_id, blob_id),
  KEY repository_blobs_by_blob (blob_id),
  CONSTRAINT repository_blobs_repository FOREIGN KEY (repository_id) REFERENCES repositories (id),
  CONSTRAINT repository_blobs_blob FOREIGN KEY (blob_id) REFERENCES blobs (id)
) ENGINE=InnoDB;

CREATE TABLE IF NOT EXISTS manifests (
  id BIGINT NOT NULL AUTO_INCREMENT PRIMARY KEY,
  repository_id BIGINT NOT NULL,
  digest VARBINARY(255) NOT NULL,
  media_type VARBINARY(1024) NOT NULL,
  artifact_type VARBINARY(255),
  subject VARBINARY(255),
  size_bytes BIGINT NOT NULL,
  created_at BIGINT NOT NULL,
  annotations MEDIUMBLOB NOT NULL,
  payload MEDIUMBLOB NOT NULL,
  UNIQUE KEY manifests_by_digest (repository_id, digest),
  KEY manifests_by_subject (repository_id, subject, digest),
  KEY manifests_by_subject_and_type (repository_id, subject, artifact_type, digest),
  CONSTRAINT manifests_repository FOREIGN KEY (repository_id) REFERENCES repositories (id)
) ENGINE=InnoDB;

CREATE TABLE IF NOT EXISTS manifest_blobs (
  manifest_id BIGINT NOT NULL,
  blob_id BIGINT NOT NULL,
  PRIMARY KEY (manifest_id, blob_id),
  KEY manifest_blobs_by_blob (blob_id),
  CONSTRAINT manifest_blobs_manifest FOREIGN KEY (manifest_id) REFERENCES manifests (id),
  CONSTRAINT manifest_blobs_blob FOREIGN KEY (blob_id) REFERENCES blobs (id)
) ENGINE=InnoDB;

-- By digest, because a child of a sparse index need not exist.
CREATE TABLE IF NOT EXISTS manifest_children (
  manifest_id BIGINT NOT NULL,
  repository_id BIGINT NOT NULL,
  digest VARBINARY(255) NOT NULL,
  PRIMARY KEY (manifest_id, digest),
  KEY manifest_children_by_digest (repository_id, digest),
  CONSTRAINT manifest_children_manifest FOREIGN KEY (manifest_id) REFERENCES manifests (id),
  CONSTRAINT manifest_children_repository FOREIGN KEY (repository_id) REFERENCES repositories (id)
) ENGINE=InnoDB;

CREATE TABLE IF NOT EXISTS tags (
  repository_id BIGINT NOT NULL,
  name VARBINARY(255) NOT NULL,
  manifest_id BIGINT NOT NULL,
  updated_at BIGINT NOT NULL,
  PRIMARY KEY (repository_id, name),
  KEY tags_by_manifest (manifest_id),
  CONSTRAINT tags_repository FOREIGN KEY (repository_id) REFERENCES repositories (id),
  CONSTRAINT tags_manifest FOREIGN KEY (manifest_id) REFERENCES manifests (id)
) ENGINE=InnoDB;

-- The repository by name: an upload does not bring it into being.
CREATE TABLE IF NOT EXISTS uploads (
  id VARBINARY(64) NOT NULL PRIMARY KEY,
  repository VARBINARY(255) NOT NULL,
  staged VARBINARY(4096) NOT NULL,
  offset_bytes BIGINT NOT NULL,
  algorithm VARBINARY(64) NOT NULL,
  digester_state BLOB NOT NULL,
  started_at BIGINT NOT NULL,
  expires_at BIGINT NOT NULL,
  claim VARBINARY(64),
  claimed_until BIGINT,
  KEY uploads_by_expiry (expires_at, id)
) ENGINE=InnoDB;

CREATE TABLE IF NOT EXISTS gc_blob_reviews (
  blob_id BIGINT NOT NULL PRIMARY KEY,
  review_after BIGINT NOT NULL,
  review_count INTEGER NOT NULL DEFAULT 0,
  KEY gc_blob_reviews_by_date (review_after),
  CONSTRAINT gc_blob_reviews_blob FOREIGN KEY (blob_id) REFERENCES blobs (id)
) ENGINE=InnoDB;

CREATE TABLE IF NOT EXISTS gc_manifest_reviews (
  manifest_id BIGINT NOT NULL PRIMARY KEY,
  review_after BIGINT NOT NULL,
  review_count INTEGER NOT NULL DEFAULT 0,
  KEY gc_manifest_reviews_by_date (review_after),
  CONSTRAINT gc_manifest_reviews_manifest FOREIGN KEY (manifest_id) REFERENCES manifests (id)
) ENGINE=InnoDB;
