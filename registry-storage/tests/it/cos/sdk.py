"""Tencent's own client, `cos-python-sdk-v5`."""

from qcloud_cos import CosConfig, CosS3Client

from exercise import SETTINGS, exercise, pieces

REGION = "ap-guangzhou"


class Store:
    def __init__(self):
        keys = {"SecretId": SETTINGS["access_key"], "SecretKey": SETTINGS["secret_key"]}
        self.client = CosS3Client(CosConfig(Region=REGION, Scheme="http", **keys))
        self.bucket = SETTINGS["bucket"]

    def put(self, key, body):
        self.client.put_object(Bucket=self.bucket, Key=key, Body=body)

    def get(self, key, first=None, last=None):
        span = {} if first is None else {"Range": f"bytes={first}-{last}"}
        found = self.client.get_object(Bucket=self.bucket, Key=key, **span)
        return found["Body"].get_raw_stream().read()

    def upload(self, key, body, part_size):
        upload = self.client.create_multipart_upload(Bucket=self.bucket, Key=key)["UploadId"]
        parts = []
        for number, piece in pieces(body, part_size):
            sent = self.client.upload_part(
                Bucket=self.bucket, Key=key, Body=piece, PartNumber=number, UploadId=upload
            )
            # It gives headers as they were written.
            tag = next(value for name, value in sent.items() if name.lower() == "etag")
            parts.append({"PartNumber": number, "ETag": tag})
        self.client.complete_multipart_upload(
            Bucket=self.bucket, Key=key, UploadId=upload, MultipartUpload={"Part": parts}
        )

    def list(self, prefix):
        return [found["Key"] for found in self.client.list_objects(Bucket=self.bucket, Prefix=prefix)["Contents"]]

    def copy(self, source, key):
        self.client.copy_object(
            Bucket=self.bucket, Key=key, CopySource={"Bucket": self.bucket, "Key": source, "Region": REGION}
        )

    def delete(self, key):
        self.client.delete_object(Bucket=self.bucket, Key=key)

    def delete_all(self, keys):
        objects = {"Object": [{"Key": key} for key in keys], "Quiet": "true"}
        self.client.delete_objects(Bucket=self.bucket, Delete=objects)


exercise(Store())
