-- How far the import of the storage is that this database belongs to: one row, from when the first one began.
CREATE TABLE IF NOT EXISTS imports (
  id SMALLINT NOT NULL PRIMARY KEY,
  -- Counts imports that began afresh.
  round BIGINT NOT NULL,
  started_at BIGINT NOT NULL,
  finished_at BIGINT
) ENGINE=InnoDB;

-- The repositories that are finished, as of which round. By name, because the storage may have nothing of one.
CREATE TABLE IF NOT EXISTS imported_repositories (
  name VARBINARY(255) NOT NULL PRIMARY KEY,
  round BIGINT NOT NULL,
  finished_at BIGINT NOT NULL
) ENGINE=InnoDB;
