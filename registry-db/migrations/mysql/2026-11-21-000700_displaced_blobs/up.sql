-- Bytes in the storage that are not in the place of a blob: those of a blob until they are moved there, and those that are
-- nobody's any more until they are deleted.
CREATE TABLE IF NOT EXISTS displaced_blobs (
  location VARBINARY(1024) NOT NULL PRIMARY KEY,
  -- The blob that they were recorded for, if any.
  digest VARBINARY(255),
  -- 0: recorded; 1: left, to be deleted; 2: deleted, to be deleted once more, and nobody can record a blob there.
  state SMALLINT NOT NULL,
  turn_after BIGINT NOT NULL,
  KEY displaced_blobs_by_turn (turn_after, location)
) ENGINE=InnoDB;

INSERT IGNORE INTO displaced_blobs (location, digest, state, turn_after)
  SELECT location, digest, 0, 0 FROM blobs WHERE location LIKE '/docker/registry/v2/uploads/%';
