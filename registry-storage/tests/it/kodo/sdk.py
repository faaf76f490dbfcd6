"""Qiniu's own client, `qiniu`."""

import io

import qiniu
import requests

from exercise import SETTINGS, exercise

HOST = "http://{}.qiniuapi.com"


class Store:
    def __init__(self):
        self.auth = qiniu.Auth(SETTINGS["access_key"], SETTINGS["secret_key"])
        hosts = {name: HOST.format(name) for name in ["up", "rs", "rsf", "io", "api", "uc"]}
        zone = qiniu.Zone(
            up_host=hosts["up"],
            up_host_backup=hosts["up"],
            io_host=hosts["io"],
            rs_host=hosts["rs"],
            rsf_host=hosts["rsf"],
            api_host=hosts["api"],
            scheme="http",
        )
        qiniu.set_default(default_zone=zone, default_uc_host=hosts["uc"])
        self.manager = qiniu.BucketManager(self.auth, zone)
        self.bucket = SETTINGS["bucket"]

    def done(self, answer):
        found, info = answer[0], answer[-1]
        if not info.ok():
            raise AssertionError(info)
        return found

    def put(self, key, body):
        self.done(qiniu.put_data(self.auth.upload_token(self.bucket, key), key, body))

    def get(self, key, first=None, last=None):
        url = self.auth.private_download_url(f"http://{self.bucket}.example.com/{requests.utils.quote(key)}")
        span = {} if first is None else {"Range": f"bytes={first}-{last}"}
        found = requests.get(url, headers=span, timeout=60)
        found.raise_for_status()
        return found.content

    def upload(self, key, body, part_size):
        token = self.auth.upload_token(self.bucket, key)
        self.done(
            qiniu.put_stream(
                token, key, io.BytesIO(body), "file", len(body), part_size=part_size, version="v2", bucket_name=self.bucket
            )
        )

    def list(self, prefix):
        found, _, info = self.manager.list(self.bucket, prefix=prefix)
        return [item["key"] for item in self.done((found, info))["items"]]

    def copy(self, source, key):
        self.done(self.manager.copy(self.bucket, source, self.bucket, key))
        if self.done(self.manager.stat(self.bucket, key))["fsize"] != 1000:
            raise AssertionError("the copy has another size")

    def delete(self, key):
        self.done(self.manager.delete(self.bucket, key))

    def delete_all(self, keys):
        self.done(self.manager.batch(qiniu.build_batch_delete(self.bucket, keys)))


exercise(Store())
