-- How far the import of the storage is that this database belongs to: one row, from when the first one began.
CREATE TABLE imports (
  id SMALLINT PRIMARY KEY NOT NULL,
  -- Counts imports that began afresh.
  round BIGINT NOT NULL,
  started_at BIGINT NOT NULL,
  finished_at BIGINT
);

-- The repositories that are finished, as of which round. By name, because the storage may have nothing of one.
CREATE TABLE imported_repositories (
  name TEXT COLLATE "C" PRIMARY KEY NOT NULL,
  round BIGINT NOT NULL,
  finished_at BIGINT NOT NULL
);
