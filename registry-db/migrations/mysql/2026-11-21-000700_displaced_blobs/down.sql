DROP TABLE displaced_blobs;
