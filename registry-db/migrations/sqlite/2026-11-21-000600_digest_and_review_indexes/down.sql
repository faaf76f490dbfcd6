DROP INDEX manifests_by_digest_alone;
