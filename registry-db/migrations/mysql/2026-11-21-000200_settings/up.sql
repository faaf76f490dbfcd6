-- What all processes that share the database have agreed upon.
CREATE TABLE IF NOT EXISTS settings (
  name VARBINARY(255) PRIMARY KEY NOT NULL,
  value BLOB NOT NULL
) ENGINE=InnoDB;
