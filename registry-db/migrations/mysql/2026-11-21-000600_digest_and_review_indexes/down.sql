ALTER TABLE manifests DROP KEY manifests_by_digest_alone;
