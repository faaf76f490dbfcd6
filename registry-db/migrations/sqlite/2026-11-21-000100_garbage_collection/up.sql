-- Who is about to put a blob's bytes in place, so that other processes leave them alone. Only databases that several
-- processes share have rows here. By digest, because the blob need not be recorded yet.
CREATE TABLE gc_blob_holds (
  token TEXT PRIMARY KEY NOT NULL,
  digest TEXT NOT NULL,
  held_until BIGINT NOT NULL
) WITHOUT ROWID;
CREATE INDEX gc_blob_holds_by_digest ON gc_blob_holds (digest);
CREATE INDEX gc_blob_holds_by_end ON gc_blob_holds (held_until);
