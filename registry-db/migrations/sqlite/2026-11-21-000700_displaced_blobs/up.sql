-- Bytes in the storage that are not in the place of a blob: those of a blob until they are moved there, and those that are
-- nobody's any more until they are deleted.
CREATE TABLE displaced_blobs (
  location TEXT PRIMARY KEY NOT NULL,
  -- The blob that they were recorded for, if any.
  digest TEXT,
  -- 0: recorded; 1: left, to be deleted; 2: deleted, to be deleted once more, and nobody can record a blob there.
  state SMALLINT NOT NULL,
  turn_after BIGINT NOT NULL
) WITHOUT ROWID;
CREATE INDEX displaced_blobs_by_turn ON displaced_blobs (turn_after, location);
INSERT INTO displaced_blobs (location, digest, state, turn_after)
  SELECT location, digest, 0, 0 FROM blobs WHERE location LIKE '/docker/registry/v2/uploads/%';
