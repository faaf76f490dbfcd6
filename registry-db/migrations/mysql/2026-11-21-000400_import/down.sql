DROP TABLE IF EXISTS imported_repositories;
DROP TABLE IF EXISTS imports;
