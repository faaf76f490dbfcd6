-- For whoever asks whether a file among the blobs is a manifest of any repository.
CREATE INDEX manifests_by_digest_alone ON manifests (digest);
