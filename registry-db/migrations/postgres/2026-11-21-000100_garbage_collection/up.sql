-- Who is about to put a blob's bytes in place, so that other processes leave them alone. By digest, because the blob need
-- not be recorded yet.
CREATE TABLE gc_blob_holds (
  token TEXT COLLATE "C" PRIMARY KEY,
  digest TEXT COLLATE "C" NOT NULL,
  held_until BIGINT NOT NULL
);
CREATE INDEX gc_blob_holds_by_digest ON gc_blob_holds (digest);
CREATE INDEX gc_blob_holds_by_end ON gc_blob_holds (held_until);
