-- Who is about to put a blob's bytes in place, so that other processes leave them alone. By digest, because the blob need
-- not be recorded yet.
CREATE TABLE IF NOT EXISTS gc_blob_holds (
  token VARBINARY(64) NOT NULL PRIMARY KEY,
  digest VARBINARY(255) NOT NULL,
  held_until BIGINT NOT NULL,
  KEY gc_blob_holds_by_digest (digest),
  KEY gc_blob_holds_by_end (held_until)
) ENGINE=InnoDB;
