# SPDX-License-Identifier: Apache-2.0
"""A client of the streaming server for what crictl cannot do: SPDY/3.1 and WebSocket by hand, and wrong on purpose."""
import base64
import os
import socket
import ssl
import struct
import time
import urllib.parse
import zlib

# The protocol's dictionary: names after their lengths, then values.
_NAMES = ("options head post put delete trace accept accept-charset accept-encoding accept-language accept-ranges age "
          "allow authorization cache-control connection content-base content-encoding content-language content-length "
          "content-location content-md5 content-range content-type date etag expect expires from host if-match "
          "if-modified-since if-none-match if-range if-unmodified-since last-modified location max-forwards pragma "
          "proxy-authenticate proxy-authorization range referer retry-after server te trailer transfer-encoding upgrade "
          "user-agent vary via warning www-authenticate method get status 200_OK version HTTP/1.1 url public set-cookie "
          "keep-alive origin").split()
_VALUES = ("100101201202205206300302303304305306307402405406407408409410411412413414415416417502504505"
           "203 Non-Authoritative Information204 No Content301 Moved Permanently400 Bad Request401 Unauthorized"
           "403 Forbidden404 Not Found500 Internal Server Error501 Not Implemented503 Service Unavailable"
           "Jan Feb Mar Apr May Jun Jul Aug Sept Oct Nov Dec 00:00:00 Mon, Tue, Wed, Thu, Fri, Sat, Sun, GMT"
           "chunked,text/html,image/png,image/jpg,image/gif,application/xml,application/xhtml+xml,text/plain,"
           "text/javascript,publicprivatemax-age=gzip,deflate,sdchcharset=utf-8charset=iso-8859-1,utf-,*,enq=0.")


def _block(text):
    return struct.pack(">I", len(text)) + text


DICTIONARY = b"".join(_block(name.replace("_", " ").encode()) for name in _NAMES) + _VALUES.encode()


def connect(url, timeout=20):
    parts = urllib.parse.urlsplit(url)
    raw = socket.create_connection((parts.hostname, parts.port), timeout)
    raw.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    if parts.scheme == "https":
        context = ssl._create_unverified_context()
        raw = context.wrap_socket(raw)
    return raw, parts.path


def ask(url, *headers, method="POST"):
    """Sends a request; (socket, status, what came behind the head)."""
    sock, path = connect(url)
    sock.sendall("\r\n".join([f"{method} {path} HTTP/1.1", "Host: node", *headers, "", ""]).encode())
    received = b""
    while b"\r\n\r\n" not in received:
        part = sock.recv(65536)
        if not part:
            break
        received += part
    head, _, rest = received.partition(b"\r\n\r\n")
    return sock, int(head.split()[1]) if head else 0, rest


class Client:
    def __init__(self):
        self.sock, self.buffer, self.gone = None, b"", False

    def close(self):
        self.sock.close()

    def _more(self):
        part = b""
        try:
            part = self.sock.recv(1 << 20)
        except ConnectionError:
            pass
        self.gone = not part
        self.buffer += part

    def wait(self, condition, seconds=20):
        deadline = time.monotonic() + seconds
        while not condition():
            if self.gone or time.monotonic() > deadline:
                raise AssertionError(f"the {'connection ended' if self.gone else 'time was over'} first")
            self.sock.settimeout(max(0.01, deadline - time.monotonic()))
            try:
                self.pump()
            except TimeoutError:
                pass

    def wait_gone(self, seconds=20):
        self.wait(lambda: self.gone, seconds)


class Spdy(Client):
    """Streams by number: what came on each in `data`, and in `ended` and `reset` which are over."""

    def __init__(self, url, *versions):
        super().__init__()
        headers = [f"X-Stream-Protocol-Version: {version}" for version in versions]
        self.sock, status, self.buffer = ask(url, "Connection: Upgrade", "Upgrade: SPDY/3.1", *headers)
        assert status == 101, f"HTTP status {status}"
        self.deflate = zlib.compressobj(9, zlib.DEFLATED, 15, 9, 0, DICTIONARY)
        self.next, self.data, self.ended, self.reset, self.replied = 1, {}, set(), set(), set()

    @staticmethod
    def control(kind, payload, flags=0):
        return struct.pack(">HHI", 0x8003, kind, flags << 24 | len(payload)) + payload

    def syn(self, stream, **headers):
        block = struct.pack(">I", len(headers))
        for name, value in headers.items():
            block += _block(name.lower().encode()) + _block(str(value).encode())
        block = self.deflate.compress(block) + self.deflate.flush(zlib.Z_SYNC_FLUSH)
        return self.control(1, struct.pack(">IIH", stream, 0, 0) + block)

    def open(self, **headers):
        stream, self.next = self.next, self.next + 2
        self.data[stream] = bytearray()
        self.sock.sendall(self.syn(stream, **headers))
        return stream

    def send(self, stream, payload, fin=False):
        self.sock.sendall(struct.pack(">II", stream, fin << 24 | len(payload)) + payload)

    def end(self, stream):
        self.send(stream, b"", True)

    def pump(self):
        self._more()
        while len(self.buffer) >= 8:
            first, second = struct.unpack(">II", self.buffer[:8])
            size = second & 0xffffff
            if len(self.buffer) < 8 + size:
                return
            payload, self.buffer = self.buffer[8:8 + size], self.buffer[8 + size:]
            if not first >> 31:
                self.data[first] += payload
                if second >> 24 & 1:
                    self.ended.add(first)
            elif first & 0xffff == 2:
                self.replied.add(struct.unpack(">I", payload[:4])[0])
            elif first & 0xffff == 3:
                self.reset.add(struct.unpack(">I", payload[:4])[0])


class SpdyExec(Spdy):
    """exec or attach: the streams by name."""

    def __init__(self, url, *names, version="v4.channel.k8s.io"):
        super().__init__(url, version)
        self.streams = {name: self.open(streamtype=name) for name in ("error", *names)}

    def output(self, name="stdout"):
        return self.data[self.streams[name]]

    def status(self, seconds=20):
        self.wait(lambda: self.streams["error"] in self.ended, seconds)
        return self.data[self.streams["error"]].decode()

    def write(self, payload):
        self.send(self.streams["stdin"], payload)

    def resize(self, columns, rows):
        self.send(self.streams["resize"], b'{"Width":%d,"Height":%d}\n' % (columns, rows))


class SpdyForward(Spdy):
    def __init__(self, url):
        super().__init__(url, "portforward.k8s.io")
        self.requests = 0

    def connection(self, port):
        """(error stream, data stream)"""
        self.requests += 1
        error = self.open(streamtype="error", port=port, requestID=self.requests)
        self.end(error)
        return error, self.open(streamtype="data", port=port, requestID=self.requests)


class WebSocket(Client):
    """Messages by channel."""

    def __init__(self, url, protocol):
        super().__init__()
        key = base64.b64encode(os.urandom(16)).decode()
        self.sock, status, self.buffer = ask(
            url, "Connection: Upgrade", "Upgrade: websocket", "Sec-WebSocket-Version: 13", f"Sec-WebSocket-Key: {key}",
            f"Sec-WebSocket-Protocol: {protocol}", method="GET")
        assert status == 101, f"HTTP status {status}"
        self.base64, self.data, self.close_code = "base64" in protocol, {}, None

    def frame(self, opcode, payload):
        mask = b"\x01\x02\x03\x04"
        size = len(payload)
        length = bytes([0x80 | size]) if size < 126 else b"\xfe" + struct.pack(">H", size)
        self.sock.sendall(bytes([0x80 | opcode]) + length + mask + bytes(b ^ mask[i % 4] for i, b in enumerate(payload)))

    def send(self, channel, payload):
        if self.base64:
            return self.frame(1, str(channel).encode() + base64.b64encode(payload))
        return self.frame(2, bytes([channel]) + payload)

    def pump(self):
        self._more()
        while len(self.buffer) >= 2:
            size, head = self.buffer[1], 2
            if size == 126:
                size, head = int.from_bytes(self.buffer[2:4], "big"), 4
            elif size == 127:
                size, head = int.from_bytes(self.buffer[2:10], "big"), 10
            if len(self.buffer) < head + size:
                return
            opcode, payload = self.buffer[0] & 15, self.buffer[head:head + size]
            self.buffer = self.buffer[head + size:]
            if opcode == 8:
                self.close_code = int.from_bytes(payload[:2], "big")
            elif opcode in (1, 2):
                channel = int(payload[:1]) if self.base64 else payload[0]
                content = base64.b64decode(payload[1:]) if self.base64 else payload[1:]
                self.data[channel] = self.data.get(channel, b"") + content
