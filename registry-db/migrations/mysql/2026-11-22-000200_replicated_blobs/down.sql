DROP TABLE replicated_blobs;
