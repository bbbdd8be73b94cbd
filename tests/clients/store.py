"""An S3 server of the test's own, and a proxy that can be cut in front of it."""

import json
import os
import re
import signal
import socket
import subprocess
import sys
import threading
import urllib.request

import boto3
import botocore.config

BUCKET = "warehouse"

# The object that says to which lake the others belong.
MARKER = "_gotgan.json"

# Runs moto's server on a free port, and tells which.
SERVE = """
import signal
from moto.server import ThreadedMotoServer
server = ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
server.start()
print(server.get_host_and_port()[1], flush=True)
signal.pause()
"""


class Proxy:
    """Forwards a port of loopback to another, while it is up."""

    def __init__(self, target):
        self.target = target
        self.is_up = True
        self.open = set()
        self.listener = socket.create_server(("127.0.0.1", 0))
        self.port = self.listener.getsockname()[1]
        threading.Thread(target=self._accept, daemon=True).start()

    def _accept(self):
        while True:
            try:
                client, _ = self.listener.accept()
            except OSError:
                return
            if not self.is_up:
                client.close()
                continue
            try:
                target = socket.create_connection(("127.0.0.1", self.target))
            except OSError:
                client.close()
                continue
            self.open |= {client, target}
            ends = [client, target]
            for source, sink in ((client, target), (target, client)):
                threading.Thread(target=self._forward, args=(source, sink, ends), daemon=True).start()

    def _forward(self, source, sink, ends):
        try:
            while data := source.recv(65536):
                sink.sendall(data)
        except OSError:
            pass
        for end in (source, sink):
            try:
                end.shutdown(socket.SHUT_RDWR)
            except OSError:
                pass
        # Both directions are over; the second to notice gives the sockets back.
        ends.pop()
        if not ends:
            for end in (source, sink):
                self.open.discard(end)
                end.close()

    def cut(self):
        """Breaks all connections, and every new one until `mend`."""
        self.is_up = False
        for end in list(self.open):
            try:
                end.shutdown(socket.SHUT_RDWR)
            except OSError:
                pass

    def mend(self):
        """Lets connections through again."""
        self.is_up = True

    def close(self):
        """Ends it for good."""
        self.cut()
        self.listener.close()


class Store:
    """One process of moto's S3 server with a bucket and a user whose key it checks."""

    def __init__(self):
        self.process = subprocess.Popen(
            [sys.executable, "-c", SERVE],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            env=dict(os.environ, AWS_ACCESS_KEY_ID="x", AWS_SECRET_ACCESS_KEY="x"),
        )
        try:
            self._prepare()
        except BaseException:
            self.stop()
            raise

    def _prepare(self):
        self.store_port = int(self.process.stdout.readline())
        self.proxy = Proxy(self.store_port)
        iam = self._client("iam", "x", "x")
        iam.create_user(UserName="warehouse")
        policy = '{"Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Action": "s3:*", "Resource": "*"}]}'
        iam.put_user_policy(UserName="warehouse", PolicyName="all", PolicyDocument=policy)
        key = iam.create_access_key(UserName="warehouse")["AccessKey"]
        self.key_id, self.key = key["AccessKeyId"], key["SecretAccessKey"]
        iam.create_user(UserName="reader")
        policy = policy.replace('"s3:*"', '["s3:GetObject", "s3:ListBucket"]')
        iam.put_user_policy(UserName="reader", PolicyName="read", PolicyDocument=policy)
        self.reader_key = iam.create_access_key(UserName="reader")["AccessKey"]
        self.s3 = self._client("s3", self.key_id, self.key)
        self.s3.create_bucket(Bucket=BUCKET)
        # From here on the store checks who asks, and the signature.
        url = f"http://127.0.0.1:{self.store_port}/moto-api/reset-auth"
        urllib.request.urlopen(urllib.request.Request(url, data=b"0", headers={"Content-Type": "text/plain"})).read()

    def _client(self, service, key_id, key):
        return boto3.client(
            service,
            endpoint_url=f"http://127.0.0.1:{self.store_port}",
            aws_access_key_id=key_id,
            aws_secret_access_key=key,
            region_name="us-east-1",
            config=botocore.config.Config(s3={"addressing_style": "path"}),
        )

    def settings(self, prefix, is_reader=False):
        """Returns settings of a server whose data is below a prefix; the key of a reader writes and deletes nothing."""
        key_id, key = self.key_id, self.key
        if is_reader:
            key_id, key = self.reader_key["AccessKeyId"], self.reader_key["SecretAccessKey"]
        return {
            "storage.data_url": f"s3://{BUCKET}/{prefix}",
            "object_store.allow_http": "true",
            "object_store.retry_timeout": "1s",
            "object_store.s3.endpoint": f"http://127.0.0.1:{self.proxy.port}",
            "object_store.s3.region": "us-east-1",
            "object_store.s3.access_key_id": key_id,
            "object_store.s3.secret_access_key": key,
        }

    def objects(self, prefix=""):
        """Returns names and entity tags of the objects below a prefix, without the markers of lakes."""
        pages = self.s3.get_paginator("list_objects_v2").paginate(Bucket=BUCKET, Prefix=prefix)
        found = [found for page in pages for found in page.get("Contents", ())]
        return {each["Key"]: each["ETag"].strip('"') for each in found if not each["Key"].endswith("/" + MARKER)}

    def marker(self, prefix):
        """Returns the marker of the lake whose data is below a prefix."""
        return json.loads(self.s3.get_object(Bucket=BUCKET, Key=f"{prefix}/{MARKER}")["Body"].read())

    def uploads(self, prefix=""):
        """Returns the names of uploads in parts that have not ended."""
        found = self.s3.list_multipart_uploads(Bucket=BUCKET).get("Uploads", ())
        return [upload["Key"] for upload in found if upload["Key"].startswith(prefix)]

    def stop(self):
        """Ends the process."""
        if self.process.poll() is None:
            self.process.send_signal(signal.SIGTERM)
            try:
                self.process.wait(timeout=20)
            finally:
                self.process.kill()
                self.process.wait()
        if hasattr(self, "proxy"):
            self.proxy.close()


def is_multipart(tag):
    """Whether the entity tag is that of an object that was uploaded in parts."""
    return re.fullmatch(r"[0-9a-f]{32}-\d+", tag) is not None
