DROP TABLE imported_repositories;
DROP TABLE imports;
