-- What is known of the second copies of blobs, where there are to be some.
CREATE TABLE replicated_blobs (
  digest TEXT PRIMARY KEY NOT NULL,
  size_bytes BIGINT NOT NULL,
  -- 0: behind; 1: copied; 2: the blob was collected; 3: it was, and somebody may be deleting the copy.
  state SMALLINT NOT NULL,
  -- The greatest of all dates if nothing is to be done.
  turn_after BIGINT NOT NULL,
  noted_at BIGINT NOT NULL,
  failures INTEGER NOT NULL,
  -- What went wrong the last time; empty if nothing did.
  error TEXT NOT NULL
) WITHOUT ROWID;
CREATE INDEX replicated_blobs_by_turn ON replicated_blobs (turn_after, digest);
