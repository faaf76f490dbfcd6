-- For whoever asks whether a file among the blobs is a manifest of any repository. One statement, which runs only if it did
-- not run before.
SET @change = IF(
  (SELECT COUNT(*) FROM information_schema.statistics
   WHERE table_schema = DATABASE() AND table_name = 'manifests' AND index_name = 'manifests_by_digest_alone') = 0,
  'ALTER TABLE manifests ADD KEY manifests_by_digest_alone (digest)',
  'DO 0');
PREPARE change_manifests FROM @change;
EXECUTE change_manifests;
DEALLOCATE PREPARE change_manifests;
