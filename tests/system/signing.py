# SPDX-License-Identifier: Apache-2.0
"""Signs images of the test registry as cosign and skopeo do, with openssl and gpg."""
import base64
import hashlib
import http.client
import http.server
import io
import json
import os
import subprocess
import sys
import threading
import types

from harness import REGISTRY, SOURCE, write

sys.path.insert(0, SOURCE + "/tests/support")
import push_image  # noqa: E402

OCI = "application/vnd.oci.image."
PAYLOAD = "application/vnd.dev.cosign.simplesigning.v1+json"
ARTIFACT = "application/vnd.dev.cosign.artifact.sig.v1+json"


def run(*command, **more):
    return subprocess.run(command, check=True, capture_output=True, timeout=60, **more).stdout


class Key:
    """A key pair of openssl's; `options` as for `openssl genpkey`."""

    def __init__(self, directory, name, *options):
        self.private, self.public = f"{directory}/{name}.key", f"{directory}/{name}.pub"
        run("openssl", "genpkey", *options, "-out", self.private)
        run("openssl", "pkey", "-in", self.private, "-pubout", "-out", self.public)
        self.pure = "ED25519" in options

    def sign(self, data):
        path = self.private + ".data"
        with open(path, "wb") as file:
            file.write(data)
        if self.pure:
            return run("openssl", "pkeyutl", "-sign", "-rawin", "-inkey", self.private, "-in", path)
        return run("openssl", "dgst", "-sha256", "-sign", self.private, path)


def payload(digest, reference, kind="cosign container image signature", **more):
    critical = {"identity": {"docker-reference": reference}, "image": {"docker-manifest-digest": digest}, "type": kind}
    return json.dumps({"critical": {**critical, **more}, "optional": None}).encode()


def _describe(kind, data, **more):
    return {"mediaType": kind, "digest": "sha256:" + hashlib.sha256(data).hexdigest(), "size": len(data), **more}


def _registry(name):
    return push_image.Registry(types.SimpleNamespace(name=name, creds=None, https=False, registry=REGISTRY))


def _push_signatures(registry, signed, config_type, tag=None, **more):
    """A manifest of (payload, signature) pairs; its descriptor."""
    layers = []
    for text, signature in signed:
        layers.append(_describe(PAYLOAD, text, annotations={
            "dev.cosignproject.cosign/signature": base64.b64encode(signature).decode()}))
        registry.push_blob(layers[-1]["digest"], len(text), io.BytesIO(text))
    config = _describe(config_type, b"{}")
    registry.push_blob(config["digest"], 2, io.BytesIO(b"{}"))
    manifest = json.dumps({"schemaVersion": 2, "mediaType": OCI + "manifest.v1+json", "config": config,
                           "layers": layers, **more}).encode()
    descriptor = _describe(OCI + "manifest.v1+json", manifest)
    registry.push_manifest(tag or descriptor["digest"], descriptor, manifest)
    return descriptor


def attach(name, digest, *signed):
    """Under the tag where cosign looks first."""
    _push_signatures(_registry(name), signed, OCI + "config.v1+json", digest.replace(":", "-") + ".sig")


def refer(name, digest, *signed, kept_by_tag=True):
    """As a referrer of the image; the list of those, perhaps pushed under the fallback tag."""
    registry = _registry(name)
    subject = {"mediaType": OCI + "manifest.v1+json", "digest": digest, "size": 1}
    descriptor = _push_signatures(registry, signed, ARTIFACT, subject=subject)
    index = json.dumps({"schemaVersion": 2, "mediaType": OCI + "index.v1+json",
                        "manifests": [{**descriptor, "artifactType": ARTIFACT}]}).encode()
    if kept_by_tag:
        registry.push_manifest(digest.replace(":", "-"), _describe(OCI + "index.v1+json", index), index)
    return index


class Front:
    """A registry in front of the test's, which can list referrers, and remembers what it was asked."""

    def __init__(self):
        front = self
        self.lists, self.asked = {}, []

        class Handler(http.server.BaseHTTPRequestHandler):
            def do_GET(self):
                front.asked.append(self.path)
                found = front.lists.get(self.path.rsplit("/referrers/", 1)[-1])
                status, kind, body = (200, OCI + "index.v1+json", found) if found else front.fetch(self)
                self.send_response(status)
                self.send_header("Content-Type", kind)
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)

            def log_message(self, *_):
                pass

        self.server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.host = f"127.0.0.1:{self.server.server_port}"
        threading.Thread(target=self.server.serve_forever, daemon=True).start()

    @staticmethod
    def fetch(request):
        connection = http.client.HTTPConnection(REGISTRY, timeout=20)
        connection.request("GET", request.path, headers={"Accept": request.headers.get("Accept", "*/*")})
        answer = connection.getresponse()
        return answer.status, answer.getheader("Content-Type", "text/plain"), answer.read()

    def stop(self):
        self.server.shutdown()
        self.server.server_close()


class Gpg:
    """A keyring of its own. Signatures are written where skopeo and berthd look: below `lookaside`."""

    def __init__(self, directory):
        self.home, self.lookaside = directory + "/gnupg", directory + "/lookaside"
        os.makedirs(self.home, 0o700)
        self.env = {**os.environ, "GNUPGHOME": self.home}

    def key(self, name, expires="never", created=None):
        """Its fingerprint and the file of the public key."""
        clock = ["--faked-system-time", created] if created else []
        run("gpg", "--batch", "--passphrase", "", *clock, "--quick-gen-key", f"{name} <{name}@example.com>", "rsa2048",
            "sign", expires, env=self.env)
        listed = run("gpg", "--batch", "--with-colons", "--list-keys", f"{name}@example.com", env=self.env).decode()
        public = f"{self.home}/{name}.asc"
        write(public, run("gpg", "--batch", "--armor", "--export", f"{name}@example.com", env=self.env).decode())
        return next(line.split(":")[9] for line in listed.splitlines() if line.startswith("fpr:")), public

    def place(self, name, digest, signature, number=1):
        path = f"{self.lookaside}/{name}@{digest.replace(':', '=')}/signature-{number}"
        os.makedirs(os.path.dirname(path), exist_ok=True)
        with open(path, "wb") as file:
            file.write(signature)

    def sign(self, fingerprint, data, *options):
        return run("gpg", "--batch", *options, "-u", fingerprint, "--output", "-", "--sign", input=data, env=self.env)

    def stop(self):
        subprocess.run(["gpgconf", "--kill", "all"], env=self.env, capture_output=True)
