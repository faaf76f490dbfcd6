"""UCloud's own client, `ufile`."""

import io
from pathlib import Path

from ufile import filemanager, multipartuploadufile

from exercise import SETTINGS, exercise

SUFFIX = ".cn-bj.ufileos.com"
# Where the client leaves what it reads.
FOUND = Path("found")


class Store:
    def __init__(self):
        keys = [SETTINGS["access_key"], SETTINGS["secret_key"]]
        self.files = filemanager.FileManager(*keys, upload_suffix=SUFFIX, download_suffix=SUFFIX)
        self.uploads = multipartuploadufile.MultipartUploadUFile(*keys, upload_suffix=SUFFIX)
        self.bucket = SETTINGS["bucket"]

    def done(self, answer):
        found, info = answer
        if not info.ok():
            raise AssertionError(info)
        return found

    def put(self, key, body):
        self.done(self.files.putstream(self.bucket, key, io.BytesIO(body), mime_type="application/octet-stream"))

    def get(self, key, first=None, last=None):
        span = None if first is None else (first, last)
        self.done(self.files.download_file(self.bucket, key, str(FOUND), content_range=span))
        return FOUND.read_bytes()

    def upload(self, key, body, _part_size):
        # The server says of what size parts are.
        self.done(self.uploads.uploadstream(self.bucket, key, io.BytesIO(body), mime_type="application/octet-stream"))

    def list(self, prefix):
        listed = self.done(self.files.listobjects(self.bucket, prefix=prefix, marker="", delimiter=""))
        flat = self.done(self.files.getfilelist(self.bucket, prefix=prefix, limit=100))
        found = [item["Key"] for item in listed["Contents"]]
        if found != [item["FileName"] for item in flat["DataSet"]]:
            raise AssertionError("the two lists differ")
        return found

    def copy(self, source, key):
        self.done(self.files.copy(self.bucket, key, self.bucket, source))

    def delete(self, key):
        self.done(self.files.deletefile(self.bucket, key))

    def delete_all(self, keys):
        for key in keys:
            self.delete(key)


exercise(Store())
