"""Aliyun's own client, `oss2`."""

import oss2
from oss2.models import PartInfo

from exercise import SETTINGS, exercise, pieces

# The headers by which the server keeps to ranges.
STRICT = {"x-oss-range-behavior": "standard"}


class Store:
    def __init__(self, auth):
        endpoint = "http://oss-cn-hangzhou.aliyuncs.com"
        name = SETTINGS["bucket"]
        self.bucket = oss2.Bucket(auth, endpoint, name, region="cn-hangzhou", enable_crc=False)

    def put(self, key, body):
        self.bucket.put_object(key, body)

    def get(self, key, first=None, last=None):
        span = None if first is None else (first, last)
        return self.bucket.get_object(key, byte_range=span, headers=STRICT).read()

    def upload(self, key, body, part_size):
        upload = self.bucket.init_multipart_upload(key).upload_id
        parts = []
        for number, piece in pieces(body, part_size):
            parts.append(PartInfo(number, self.bucket.upload_part(key, upload, number, piece).etag))
        self.bucket.complete_multipart_upload(key, upload, parts)

    def list(self, prefix):
        return [found.key for found in oss2.ObjectIterator(self.bucket, prefix=prefix)]

    def copy(self, source, key):
        self.bucket.copy_object(SETTINGS["bucket"], source, key)

    def delete(self, key):
        self.bucket.delete_object(key)

    def delete_all(self, keys):
        self.bucket.batch_delete_objects(keys)


exercise(Store(oss2.AuthV4(SETTINGS["access_key"], SETTINGS["secret_key"])))
