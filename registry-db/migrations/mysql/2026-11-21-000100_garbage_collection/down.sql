DROP TABLE gc_blob_holds;
