"""The protocol byte by byte: a client that logs in as no driver would."""

import base64
import hashlib
import hmac
import os
import socket
import ssl
import struct

SSL_REQUEST = struct.pack("!ii", 8, 80877103)
BOUND = "SCRAM-SHA-256-PLUS"
PLAIN = "SCRAM-SHA-256"


def message(kind, body=b""):
    """A message with its length."""
    return kind + struct.pack("!i", len(body) + 4) + body


def startup(user, database="gotgan", **parameters):
    """A startup packet."""
    pairs = {"user": user, "database": database, **parameters}
    body = struct.pack("!i", 196608) + b"".join(f"{k}\0{v}\0".encode() for k, v in pairs.items()) + b"\0"
    return struct.pack("!i", len(body) + 4) + body


def initial(mechanism, data):
    """A SASLInitialResponse."""
    return message(b"p", mechanism.encode() + b"\0" + struct.pack("!i", len(data)) + data)


class Closed(Exception):
    """The server closed the connection."""


class Wire:
    """One connection."""

    def __init__(self, port):
        self.socket = socket.create_connection(("127.0.0.1", port), timeout=20)
        self.certificate = None

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.socket.close()

    def encrypt(self):
        """Asks for TLS and begins it."""
        self.send(SSL_REQUEST)
        assert self.take(1) == b"S"
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
        context.check_hostname = False
        context.verify_mode = ssl.CERT_NONE
        self.socket = context.wrap_socket(self.socket)
        self.certificate = self.socket.getpeercert(binary_form=True)
        return self

    def send(self, data):
        """Sends bytes; a server that has already closed is met when its answer is read."""
        try:
            self.socket.sendall(data)
        except (BrokenPipeError, ConnectionResetError, ssl.SSLError):
            pass

    def take(self, count):
        """So many bytes."""
        data = b""
        while len(data) < count:
            try:
                more = self.socket.recv(count - len(data))
            except (ConnectionResetError, ssl.SSLError) as error:
                raise Closed from error
            if not more:
                raise Closed
            data += more
        return data

    def read(self):
        """The next message: kind, body."""
        kind = self.take(1)
        (length,) = struct.unpack("!i", self.take(4))
        return kind, self.take(length - 4)

    def until_end(self):
        """All messages until the server closes or is ready for a query."""
        found = []
        try:
            while not found or found[-1][0] != b"Z":
                found.append(self.read())
                if found[-1][0] == b"E":
                    self.stop_sending()
        except Closed:
            pass
        return found

    def stop_sending(self):
        """Tells the server that no more comes, so that it need not wait for it."""
        try:
            raw = self.socket if self.certificate is None else socket.socket(fileno=os.dup(self.socket.fileno()))
            raw.shutdown(socket.SHUT_WR)
            if raw is not self.socket:
                raw.close()
        except OSError:
            pass

    def refusal(self):
        """The fields of the error that ends the connection; none if it was just closed."""
        found = self.until_end()
        assert not any(kind == b"R" and body[:4] == b"\0\0\0\0" for kind, body in found), "the server let the client in"
        errors = [body for kind, body in found if kind == b"E"]
        return fields(errors[0]) if errors else None

    def mechanisms(self):
        """Those that the server offers."""
        kind, body = self.read()
        assert kind == b"R" and struct.unpack("!i", body[:4]) == (10,), (kind, body)
        return body[4:].rstrip(b"\0").decode().split("\0")


def fields(body):
    """An ErrorResponse as code letter to text."""
    return {part[:1].decode(): part[1:].decode() for part in body.split(b"\0") if part}


class Scram:
    """The client's part of one exchange, with its parts to be changed."""

    def __init__(self, password, flag="n,,", binding=b"", nonce=None):
        self.password = password.encode()
        self.flag = flag
        self.binding = base64.b64encode(flag.encode() + binding).decode()
        self.nonce = nonce or base64.b64encode(os.urandom(18)).decode()
        self.bare = f"n=,r={self.nonce}"

    def first(self):
        """The client's first message."""
        return (self.flag + self.bare).encode()

    def final(self, server_first, nonce=None, binding=None):
        """The client's last message, with the proof."""
        parts = dict(part.split("=", 1) for part in server_first.split(","))
        salted = hashlib.pbkdf2_hmac("sha256", self.password, base64.b64decode(parts["s"]), int(parts["i"]))
        key = hmac.digest(salted, b"Client Key", "sha256")
        bare = f"c={binding or self.binding},r={nonce or parts['r']}"
        signed = f"{self.bare},{server_first},{bare}".encode()
        signature = hmac.digest(hashlib.sha256(key).digest(), signed, "sha256")
        proof = bytes(left ^ right for left, right in zip(key, signature))
        return f"{bare},p={base64.b64encode(proof).decode()}".encode()


def server_first(wire):
    """What the server answers to the client's first message."""
    kind, body = wire.read()
    if kind == b"E":
        raise PermissionError(fields(body))
    assert kind == b"R" and struct.unpack("!i", body[:4]) == (11,), (kind, body)
    return body[4:].decode()


def end_point(certificate):
    """The data of tls-server-end-point for a certificate that is signed with SHA-256."""
    return hashlib.sha256(certificate).digest()
