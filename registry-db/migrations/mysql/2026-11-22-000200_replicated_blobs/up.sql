-- What is known of the second copies of blobs, where there are to be some.
CREATE TABLE IF NOT EXISTS replicated_blobs (
  digest VARBINARY(255) NOT NULL PRIMARY KEY,
  size_bytes BIGINT NOT NULL,
  -- 0: behind; 1: copied; 2: the blob was collected; 3: it was, and somebody may be deleting the copy.
  state SMALLINT NOT NULL,
  -- The greatest of all dates if nothing is to be done.
  turn_after BIGINT NOT NULL,
  noted_at BIGINT NOT NULL,
  failures INTEGER NOT NULL,
  -- What went wrong the last time; empty if nothing did.
  error VARBINARY(1000) NOT NULL,
  KEY replicated_blobs_by_turn (turn_after, digest)
) ENGINE=InnoDB;
