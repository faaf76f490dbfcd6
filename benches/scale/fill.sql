-- A repository with very many manifests and tags, and a catalog with very many repositories, in the words that SQLite,
-- PostgreSQL and MariaDB share. scripts/lib/scale.sh replaces what stands in braces: {manifests}, {tags} and
-- {repositories} are tables of that many numbers, with the column i; {digest} is a digest, and another for each i;
-- {payload} is a manifest, and {payload_digest} its digest, which the registry compares.
--
-- The registry has made `scale/one` and the namespace `scale`. Each manifest has a blob of its own.

INSERT INTO blobs (id, digest, size_bytes, location, state, created_at)
SELECT 1000000 + i, {digest}, 1000, 'blobs/' || i, 0, i FROM {manifests};

INSERT INTO repository_blobs (repository_id, blob_id)
SELECT {one}, 1000000 + i FROM {manifests};

INSERT INTO manifests (id, repository_id, digest, media_type, size_bytes, created_at, annotations, payload)
SELECT 1000000 + i, {one}, {payload_digest}, 'application/vnd.oci.image.manifest.v1+json', 400, i, '{}', {payload} FROM {manifests};

INSERT INTO manifest_blobs (manifest_id, blob_id, repository_id)
SELECT 1000000 + i, 1000000 + i, {one} FROM {manifests};

INSERT INTO tags (repository_id, name, manifest_id, updated_at)
SELECT {one}, 'v' || (1000000 + i), 1000000 + i, i FROM {tags};

-- What refers to the first manifest.
UPDATE manifests SET artifact_type = 'type/a', subject = {subject} WHERE id > {referrers} AND id <= {referrers} + 1000;

INSERT INTO repositories (id, name, listed, created_at)
SELECT 1000000 + i, 'many/' || (1000000 + i), TRUE, i FROM {repositories};

INSERT INTO repository_usage (repository_id, namespace, name, manifest_count, tag_count, logical_bytes, unique_bytes)
SELECT 1000000 + i, 'many', 'many/' || (1000000 + i), 1, 0, 0, 0 FROM {repositories};

UPDATE repository_usage SET
  manifest_count = manifest_count + (SELECT COUNT(*) FROM {manifests}), tag_count = tag_count + (SELECT COUNT(*) FROM {tags})
WHERE repository_id = {one};

INSERT INTO namespace_blobs (namespace, blob_id, repository_count)
SELECT 'scale', 1000000 + i, 1 FROM {manifests};
