"""Baidu's own client, `bce-python-sdk`."""

import io

from baidubce.auth.bce_credentials import BceCredentials
from baidubce.bce_client_configuration import BceClientConfiguration
from baidubce.services.bos.bos_client import BosClient

from exercise import SETTINGS, exercise, pieces


class Store:
    def __init__(self):
        credentials = BceCredentials(SETTINGS["access_key"], SETTINGS["secret_key"])
        # It knows no proxies but those that tunnel; the server is said to be a domain of the bucket's own.
        config = BceClientConfiguration(
            credentials=credentials, endpoint=SETTINGS["endpoint"].encode(), cname_enabled=True
        )
        self.client = BosClient(config)
        self.bucket = SETTINGS["bucket"]

    def put(self, key, body):
        self.client.put_object_from_string(self.bucket, key, body)

    def get(self, key, first=None, last=None):
        span = None if first is None else [first, last]
        return self.client.get_object_as_string(self.bucket, key, range=span)

    def upload(self, key, body, part_size):
        upload = self.client.initiate_multipart_upload(self.bucket, key).upload_id
        parts = []
        for number, piece in pieces(body, part_size):
            sent = self.client.upload_part(self.bucket, key, upload, number, len(piece), io.BytesIO(piece))
            parts.append({"partNumber": number, "eTag": sent.metadata.etag})
        self.client.complete_multipart_upload(self.bucket, key, upload, parts)

    def list(self, prefix):
        return [found.key for found in self.client.list_all_objects(self.bucket, prefix=prefix)]

    def copy(self, source, key):
        self.client.copy_object(self.bucket, source, self.bucket, key)

    def delete(self, key):
        self.client.delete_object(self.bucket, key)

    def delete_all(self, keys):
        self.client.delete_multiple_objects(self.bucket, keys)


exercise(Store())
