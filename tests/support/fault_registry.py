#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""A registry on loopback that misbehaves on request. Standard library only.

Serves one small image under any repository name; the name says what goes wrong: see FAULTS. Prints
"PORT CDN_PORT" once it listens on both; ends when its standard input does. With CERT KEY and perhaps CA as
arguments it listens with TLS on a third port, where with CA every client must have a certificate of it.
The first port is a proxy, too, for any host; it sends everything to itself.
  GET /log            every request so far, as lines "PORT METHOD PATH auth=... range=... from=...."
The image: tag "latest", one uncompressed layer of about 3 MiB with /data and /etc/motd.
Users: "user" with the password "secret"; refresh token "refresh"; ready bearer token "ready".
"""
import base64
import collections
import gzip
import hashlib
import io
import json
import platform
import socket
import ssl
import struct
import sys
import tarfile
import threading
import time
import zlib
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

MANIFEST = "application/vnd.oci.image.manifest.v1+json"
INDEX = "application/vnd.oci.image.index.v1+json"
ARCHITECTURE = {"x86_64": "amd64", "aarch64": "arm64"}.get(platform.machine(), platform.machine())
FAULTS = """plain wrong-digest short longer cut cut-always range-ignored wrong-range loop-401 auth auth-basic
auth-expires auth-scope auth-ping redirect redirect-loop redirect-file busy-429 busy-long html-404 oversize
error-500 stall encoded endless endless-manifest endless-error endless-token token-loop encoded-endless gzip-open
reset-status reset-header reset-start reset-middle reset-last gone-on-cdn
schema1 confusion wrong-type wrong-diff-id artifact artifact-manifest index
trickle trickle-wrong trickle-whole trickle-short trickle-lies trickle-silent drops nested nested-deep no-platform foreign""".split()


def digest(data):
    return "sha256:" + hashlib.sha256(data).hexdigest()


def make_layer():
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode="w", format=tarfile.PAX_FORMAT) as tar:
        for name, data in (("data", bytes(i * 7 % 251 for i in range(3 << 20))), ("etc/motd", b"hello\n")):
            info = tarfile.TarInfo(name)
            info.size = len(data)
            tar.addfile(info, io.BytesIO(data))
    return out.getvalue()


LAYER = make_layer()


def make_config(diff_id):
    return json.dumps({"architecture": ARCHITECTURE, "os": "linux", "config": {"Env": ["A=b"], "Cmd": None},
                       "rootfs": {"type": "layers", "diff_ids": [diff_id]}}).encode()


CONFIG, LYING_CONFIG = make_config(digest(LAYER)), make_config("sha256:" + "0" * 64)


def make_manifest(config=CONFIG, **more):
    document = {"schemaVersion": 2, "mediaType": MANIFEST,
                "config": {"mediaType": "application/vnd.oci.image.config.v1+json", "digest": digest(config), "size": len(config)},
                "layers": [{"mediaType": "application/vnd.oci.image.layer.v1.tar", "digest": digest(LAYER), "size": len(LAYER)}]}
    document.update(more)
    return json.dumps(document).encode()


GOOD = make_manifest()
OPEN_GZIP = gzip.compress(LAYER, 1)[:-1000]
ENTRY = {"mediaType": MANIFEST, "digest": digest(GOOD), "size": len(GOOD)}
DOCUMENTS = {
    "wrong-diff-id": (MANIFEST, make_manifest(LYING_CONFIG)),
    "gzip-open": (MANIFEST, make_manifest(layers=[
        {"mediaType": "application/vnd.oci.image.layer.v1.tar+gzip", "digest": digest(OPEN_GZIP), "size": len(OPEN_GZIP)}])),
    "oversize": (MANIFEST, make_manifest(padding="x" * (5 << 20))),
    "schema1": ("application/vnd.docker.distribution.manifest.v1+prettyjws", b'{"schemaVersion":1,"fsLayers":[]}'),
    "confusion": (MANIFEST, make_manifest(manifests=[])),
    "wrong-type": (INDEX, GOOD),
    "artifact": (MANIFEST, make_manifest(config=b"{}").replace(b"oci.image.config.v1+json", b"oci.empty.v1+json")),
    "artifact-manifest": ("application/vnd.oci.artifact.manifest.v1+json", json.dumps(
        {"mediaType": "application/vnd.oci.artifact.manifest.v1+json", "artifactType": "a/b", "blobs": []}).encode()),
    "foreign": (MANIFEST, make_manifest(layers=[
        {"mediaType": "application/vnd.docker.image.rootfs.foreign.diff.tar.gzip", "digest": digest(b"elsewhere"), "size": 9,
         "urls": ["http://127.0.0.1:1/elsewhere"]}])),
    "index": (INDEX, json.dumps({"schemaVersion": 2, "mediaType": INDEX, "manifests": [
        {**ENTRY, "platform": {"os": "unknown", "architecture": "unknown"}},
        {**ENTRY, "platform": {"os": "linux", "architecture": ARCHITECTURE}}]}).encode()),
    "no-platform": (INDEX, json.dumps({"schemaVersion": 2, "manifests": [
        {**ENTRY, "platform": {"os": "plan9", "architecture": "mips"}}]}).encode()),
}


def nest(depth):
    """An index of an index of ... of the image; each by its digest, the outermost last."""
    inner, found = {**ENTRY, "platform": {"os": "linux", "architecture": ARCHITECTURE}}, []
    for _ in range(depth):
        body = json.dumps({"schemaVersion": 2, "mediaType": INDEX, "manifests": [inner]}).encode()
        inner = {"mediaType": INDEX, "digest": digest(body), "size": len(body)}
        found.append((inner["digest"], body))
    return found


NESTED = nest(4)
BY_DIGEST = {**{name: (INDEX, body) for name, body in NESTED}, ENTRY["digest"]: (MANIFEST, GOOD)}
DOCUMENTS["nested"], DOCUMENTS["nested-deep"] = (INDEX, NESTED[2][1]), (INDEX, NESTED[3][1])
LOG, COUNTS, TOKENS, LOCK = [], collections.Counter(), {}, threading.Lock()


class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    ports = (0, 0, 0)

    def handle(self):
        # A TLS hello may hold no newline, for which http.server would wait for ever.
        if not isinstance(self.connection, ssl.SSLSocket) and self.connection.recv(1, socket.MSG_PEEK) == b"\x16":
            return
        super().handle()

    def do_CONNECT(self):
        self.note()
        if "Proxy-Authorization" not in self.headers:
            return self.answer(407, Proxy_Authenticate="Basic")
        self.send_response(200)
        self.end_headers()
        with socket.create_connection(("127.0.0.1", self.ports[2])) as there:
            back = threading.Thread(target=splice, args=(there, self.connection), daemon=True)
            back.start()
            splice(self.connection, there)
            back.join()
        self.close_connection = True

    def log_message(self, *_):
        pass

    def answer(self, status, body=b"", **headers):
        self.send_response(status)
        for name, value in {"Content_Length": len(body), **headers}.items():
            if value is not None:
                self.send_header(name.replace("_", "-"), str(value))
        self.end_headers()
        try:
            self.wfile.write(body)
        except OSError:
            self.close_connection = True

    def count(self, what):
        with LOCK:
            COUNTS[what] += 1
            return COUNTS[what]

    def do_POST(self):
        form = self.rfile.read(int(self.headers.get("Content-Length", 0))).decode()
        self.note()
        if "refresh_token=refresh" not in form or "grant_type=refresh_token" not in form:
            return self.answer(401)
        self.issue("any")

    def note(self):
        with LOCK:
            LOG.append(f"{self.server.server_port} {self.command} {self.path} "
                       f"auth={self.headers.get('Authorization', '')} range={self.headers.get('Range', '')} "
                       f"from={self.headers.get('X-From', '')}.")

    def do_GET(self):
        if self.path == "/log":
            with LOCK:
                return self.answer(200, "\n".join(LOG).encode())
        self.note()
        if self.path.startswith("http://"):  # as a proxy
            self.path = "/" + self.path.split("/", 3)[3]
        path, _, query = self.path.partition("?")
        parts = path.strip("/").split("/")
        if parts[:2] == ["api", "here"]:
            parts = ["v2"] + parts[2:]
        if parts[0] == "token":
            return self.token(query)
        if parts[0] == "cdn":
            return self.blob("plain", parts[-1])
        if parts == ["v2"]:
            return self.challenge("any") if COUNTS["ping"] else self.answer(200)
        fault = parts[1] if len(parts) > 1 else ""
        if fault not in FAULTS:
            return self.answer(404, b'{"errors":[{"code":"NAME_UNKNOWN","message":"no such repository"}]}')
        if fault in ("token-loop", "endless-token"):
            return self.challenge(fault)
        if fault.startswith("auth") and not self.authorized(fault):
            return self.challenge(fault)
        if fault == "loop-401":
            return self.challenge(fault)
        if parts[2] == "manifests":
            return self.manifest(fault, parts[3])
        self.blob(fault, parts[3])

    def challenge(self, fault):
        if fault == "auth-ping":
            self.count("ping")
            return self.answer(401)
        if fault == "auth-basic":
            return self.answer(401, WWW_Authenticate='Basic realm="x"')
        value = f'Bearer realm="http://127.0.0.1:{self.ports[0]}/token?fault={fault}",service="test",scope="repository:{fault}:pull"'
        if fault == "auth-scope" and "Bearer" in self.headers.get("Authorization", ""):
            value += ',error="insufficient_scope"'
            value = value.replace(":pull", ":pull repository:base:pull")
        self.answer(401, WWW_Authenticate=value)

    def token(self, query):
        if "fault=token-loop" in query:
            return self.answer(302, Location=self.path)
        if "fault=endless-token" in query:
            return self.pour(200, lambda: b"x" * 65536)
        time.sleep(0.05)  # long enough for others to ask for the same
        basic = self.headers.get("Authorization", "")
        known = basic == "Basic " + base64.b64encode(b"user:secret").decode()
        if "fault=auth&" in query + "&" and not known:
            return self.answer(401, b'{"details":"no"}')
        self.issue("base" if "base" in query else "any")

    def issue(self, kind):
        token = f"token{self.count('tokens')}"
        TOKENS[token] = kind
        self.answer(200, json.dumps({"access_token": token, "expires_in": 300}).encode())

    def authorized(self, fault):
        header = self.headers.get("Authorization", "")
        if fault == "auth-basic":
            return header == "Basic " + base64.b64encode(b"user:secret").decode()
        token = header.removeprefix("Bearer ")
        if fault == "auth-expires" and token in TOKENS and self.count("use " + token) > 1:
            return False
        if fault == "auth-scope":
            return TOKENS.get(token) == "base"
        return token in TOKENS or token == "ready"

    def manifest(self, fault, name):
        if fault == "html-404":
            return self.answer(404, b"<html>Not found & secret?token=1</html>", Content_Type="text/html")
        if fault == "error-500" and self.count("500") <= 2:
            return self.answer(500, b"oops")
        if fault == "busy-429" and self.count("429") <= 2:
            return self.answer(429, Retry_After="0")
        if fault == "busy-long":
            return self.answer(429, Retry_After="86400")
        if fault == "endless-manifest":
            return self.pour(200, lambda: b"x" * 65536)
        if fault == "endless-error":
            return self.pour(404, lambda: b"x" * 65536)
        media_type, body = DOCUMENTS.get(fault, (MANIFEST, GOOD))
        media_type, body = BY_DIGEST.get(name, (media_type, body))
        self.answer(200, body, Content_Type=media_type)

    def blob(self, fault, name):
        body = {digest(CONFIG): CONFIG, digest(LYING_CONFIG): LYING_CONFIG, digest(LAYER): LAYER, digest(OPEN_GZIP): OPEN_GZIP}.get(name)
        if body is None:
            return self.answer(404)
        serve = getattr(self, fault.replace("-", "_"), None) if body in (LAYER, OPEN_GZIP) else None
        return serve(body) if serve else self.serve(body)

    def serve(self, body):
        start = self.headers.get("Range", "")
        if not start:
            return self.answer(200, body, Accept_Ranges="bytes")
        first, last = start.removeprefix("bytes=").split("-")
        first, last = int(first), int(last or len(body) - 1)
        self.answer(206, body[first:last + 1], Content_Range=f"bytes {first}-{last}/{len(body)}")

    def cut_at(self, body, length, status=200, **headers):
        self.answer(status, body[:length], Content_Length=len(body), **headers)
        self.wfile.flush()
        self.connection.shutdown(socket.SHUT_RDWR)
        self.close_connection = True

    def wrong_digest(self, body):
        self.serve(body[:-1] + b"\x01")

    def short(self, body):
        self.answer(200, body[:-512])

    def longer(self, body):
        self.close_connection = True
        self.answer(200, body + b"more", Content_Length=None, Connection="close")

    def cut(self, body):
        if self.count("cut") % 3:
            first = int((self.headers.get("Range") or "bytes=0-")[6:].split("-")[0])
            rest = body[first:]
            headers = {"Content_Range": f"bytes {first}-{len(body) - 1}/{len(body)}"} if first else {}
            return self.cut_at(rest, len(rest) // 2, 206 if first else 200, **headers)
        self.serve(body)

    def cut_always(self, body):
        self.cut_at(body, 1000)

    def range_ignored(self, body):
        if self.count("ignored") % 2:
            return self.cut_at(body, len(body) // 2)
        self.answer(200, body)

    def wrong_range(self, body):
        if self.count("wrong") % 2:
            return self.cut_at(body, len(body) // 2)
        self.answer(206, body[10:], Content_Range=f"bytes 10-{len(body) - 1}/{len(body)}")

    def pour(self, status, chunk, **headers):
        """A body without a length that goes on until the client leaves."""
        self.answer(status, Content_Length=None, Connection="close", **headers)
        self.close_connection = True
        try:
            while True:
                self.wfile.write(chunk())
        except OSError:
            pass

    def endless(self, _):
        self.pour(200, lambda: bytes(65536))

    def reset(self, data):
        self.wfile.write(data)
        self.wfile.flush()
        # A reset, not an end.
        self.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self.connection.close()
        self.close_connection = True

    def reset_at(self, where, body):
        if self.count("reset-" + where) % 2 == 0:
            return self.serve(body)
        head = b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n" % len(body)
        cuts = {"status": head[:7], "header": head[:30], "start": head, "middle": head + body[:len(body) // 2],
                "last": head + body[:-1]}
        self.reset(cuts[where])

    def reset_status(self, body):
        self.reset_at("status", body)

    def reset_header(self, body):
        self.reset_at("header", body)

    def reset_start(self, body):
        self.reset_at("start", body)

    def reset_middle(self, body):
        self.reset_at("middle", body)

    def reset_last(self, body):
        self.reset_at("last", body)

    def encoded_endless(self, _):
        squeeze = zlib.compressobj(1, zlib.DEFLATED, 31)
        self.pour(200, lambda: squeeze.compress(bytes(1 << 20)), Content_Encoding="gzip")

    def drip(self, body, size, pause, **headers):
        self.answer(200, Content_Length=len(body), **headers)
        try:
            for at in range(0, len(body), size):
                self.wfile.write(body[at:at + size])
                time.sleep(pause)
        except OSError:
            self.close_connection = True

    def drops(self, body):
        self.drip(body, 1024, 0.1)

    def trickle(self, body, accept="bytes"):
        """One connection is slow; pieces are not."""
        if self.headers.get("Range"):
            return self.serve(body)
        self.drip(body, 65536, 0.02, Accept_Ranges=accept)

    def piece(self):
        """First and last byte of a piece that is asked for, not of a rest."""
        first, _, last = (self.headers.get("Range") or "").removeprefix("bytes=").partition("-")
        return (int(first), int(last)) if last else None

    def trickle_silent(self, body):
        self.trickle(body, None)

    def trickle_wrong(self, body):
        if not self.piece():
            return self.trickle(body)
        first, last = self.piece()
        self.answer(206, body[first - 10:last - 9], Content_Range=f"bytes {first - 10}-{last - 10}/{len(body)}")

    def trickle_whole(self, body):
        self.answer(200, body) if self.piece() else self.trickle(body)

    def trickle_short(self, body):
        if not self.piece():
            return self.trickle(body)
        first, last = self.piece()
        self.cut_at(body[first:], 1000, 206, Content_Range=f"bytes {first}-{last}/{len(body)}")

    def trickle_lies(self, body):
        self.serve(bytes(len(body))) if self.piece() else self.trickle(body)

    def redirect(self, body):
        self.answer(307, Location=f"http://127.0.0.1:{self.ports[1]}/cdn/{digest(body)}?signature=s3cret")

    auth = redirect

    def gone_on_cdn(self, body):
        self.answer(307, Location=f"http://127.0.0.1:{self.ports[1]}/nowhere")

    def redirect_loop(self, body):
        self.answer(302, Location=self.path)

    def redirect_file(self, body):
        self.answer(302, Location="file:///etc/passwd")

    def stall(self, body):
        self.wfile.write(b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n" % len(body) + body[:100_000])
        self.wfile.flush()
        time.sleep(600)

    def encoded(self, body):
        self.answer(200, gzip.compress(body, 1), Content_Encoding="gzip")


def splice(source, sink):
    try:
        while data := source.recv(65536):
            sink.sendall(data)
        sink.shutdown(socket.SHUT_WR)
    except OSError:
        pass


def speak_tls(server, cert, key, ca=None):
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(cert, key)
    if ca:
        context.verify_mode = ssl.CERT_REQUIRED
        context.load_verify_locations(ca)
    # Not in accept(): one client that says nothing would stop all others.
    server.socket = context.wrap_socket(server.socket, server_side=True, do_handshake_on_connect=False)


def main():
    servers = [ThreadingHTTPServer(("127.0.0.1", 0), Handler) for _ in range(3 if sys.argv[1:] else 2)]
    if sys.argv[1:]:
        speak_tls(servers[2], *sys.argv[1:])
    Handler.ports = tuple(server.server_port for server in servers)
    for server in servers:
        server.daemon_threads = True
        threading.Thread(target=server.serve_forever, daemon=True).start()
    print(*Handler.ports, flush=True)
    sys.stdin.read()


if __name__ == "__main__":
    main()
