# SPDX-License-Identifier: Apache-2.0
"""policy.json: signed images, by whom, checked at the pull and again when a container is made."""
import base64
import json
import os
import shutil
import subprocess

from cri import RpcError
from harness import REGISTRY, SOURCE, Node, Registry, check, contains, equal, need, refused, test, write
from signing import Front, Gpg, Key, attach, payload, refer, run

ACCEPT, REJECT = [{"type": "insecureAcceptAnything"}], [{"type": "reject"}]
REPOSITORY = {"type": "matchRepository"}
HOST = {"security_context": {"namespace_options": {"network": "NODE"}}}
REFUSED = "SignatureValidationFailed: "


class Trusting:
    """A node with a policy, keys, and images that nobody else pushes."""

    def __init__(self, name):
        self.node = Node(name)
        self.dir = self.node.dir
        self.policy, self.places = self.dir + "/policy.json", self.dir + "/registries.d"
        write(self.dir + "/berth.toml", open(self.dir + "/berth.toml").read() +
              f'policy = "{self.policy}"\npolicy_dir = "{self.dir}/policies"\nregistries_d = "{self.places}"\n')
        os.makedirs(self.dir + "/policies")
        os.makedirs(self.places)
        self.key = Key(self.dir, "ours", "-algorithm", "EC", "-pkeyopt", "ec_paramgen_curve:P-256")
        self.place(REGISTRY, "use-sigstore-attachments: true")

    def __enter__(self):
        if not os.path.exists(self.policy):
            self.demand(ACCEPT)
        self.node.start()
        return self

    def __exit__(self, *_):
        self.node.remove_pods()
        self.node.stop()

    def place(self, host, line):
        write(f"{self.places}/{host}.yaml", f"docker:\n  {host}:\n    {line}\n")

    def demand(self, requirements, default=REJECT, scope=REGISTRY, **transports):
        write(self.policy, json.dumps({"default": default, "transports": {"docker": {scope: requirements}, **transports}}))

    def signed(self, key=None, identity=None, **more):
        keys = more or {"keyPath": (key or self.key).public}
        return [{"type": "sigstoreSigned", **keys, **({"signedIdentity": identity} if identity else {})}]

    def push(self, name, *options):
        """An image that is like no other: its name in full, and what push_image says."""
        pushed = Registry.push("--busybox", "--name", name, "--tag", "1", "--cmd", '["sh"]', "--label", "name=" + name,
                               *options)
        return f"{REGISTRY}/{name}:1", pushed

    def push_signed(self, name, *options, which="manifest"):
        image, pushed = self.push(name, *options)
        text = payload(pushed[which], image)
        attach(name, pushed[which], (text, self.key.sign(text)))
        return image, pushed

    def refused_pull(self, image, words, **more):
        told = refused("UNKNOWN", [words], self.node.pull, image, **more)
        check(told.startswith(REFUSED + "pull image"), told)
        equal(self.node.cri.ImageStatus(image={"image": image}).get("image"), None)


def openpgp_payload(digest, reference):
    return payload(digest, reference, "atomic container signature").replace(b"null", b"{}")


def skopeo_takes(trusting, image):
    """None: this one is built without sigstore, as Debian's is."""
    copy = trusting.dir + "/copy"
    shutil.rmtree(copy, ignore_errors=True)
    done = subprocess.run([need("skopeo"), "--policy", trusting.policy, "--registries.d", trusting.places, "copy",
                           "--src-tls-verify=false", "docker://" + image, "dir:" + copy],
                          capture_output=True, text=True, timeout=60)
    if "sigstore disabled" in done.stderr:
        return None
    check(done.returncode == 0 or "ource image rejected" in done.stderr, lambda: done.stderr)
    return done.returncode == 0


def berth_takes(trusting, image):
    trusting.node.cri.RemoveImage(image={"image": image})
    try:
        trusting.node.pull(image)
    except RpcError as error:
        check(error.message.startswith(REFUSED), lambda: error.message)
        return False
    return True


def judge(trusting, cases):
    """Both (where skopeo knows the kind of signature) say what the table says: (what it is about, image, requirements, accepted)."""
    wrong = []
    for what, image, requirements, accepted in cases:
        trusting.demand(requirements)
        theirs, ours = skopeo_takes(trusting, image), berth_takes(trusting, image)
        if ours != accepted or theirs not in (accepted, None):
            wrong.append(f"{what}: skopeo {theirs}, berth {ours}, expected {accepted}")
    equal(wrong, [])


@test("sigstore signatures: the verdict is skopeo's, case by case")
def _(node):
    need("skopeo")
    with Trusting("trust-sigstore") as our:
        image, pushed = our.push_signed("trust/one")
        other = Key(our.dir, "other", "-algorithm", "EC", "-pkeyopt", "ec_paramgen_curve:P-256")
        cases = [("accept anything", image, ACCEPT, True), ("reject", image, REJECT, False),
                 ("signed", image, our.signed(), True), ("another key", image, our.signed(other), False),
                 ("key as data", image, our.signed(keyData=base64.b64encode(open(our.key.public, "rb").read()).decode()), True),
                 ("two requirements, one key", image, our.signed() + our.signed(other), False),
                 ("by digest", f"{REGISTRY}/trust/one@{pushed['manifest']}", our.signed(), True),
                 ("by digest, exact", f"{REGISTRY}/trust/one@{pushed['manifest']}", our.signed(identity={"type": "matchExact"}), False),
                 ("exact", image, our.signed(identity={"type": "matchExact"}), True),
                 ("the repository", image, our.signed(identity=REPOSITORY), True),
                 ("this reference", image, our.signed(identity={"type": "exactReference", "dockerReference": image}), True),
                 ("another reference", image, our.signed(identity={"type": "exactReference", "dockerReference": "a.io/b:1"}), False),
                 ("another repository", image, our.signed(identity={"type": "exactRepository", "dockerRepository": "a.io/b"}), False),
                 ("remapped", image, our.signed(identity={"type": "remapIdentity", "prefix": REGISTRY, "signedPrefix": "a.io"}), False)]
        unsigned, _ = our.push("trust/none")
        cases += [("nobody signed", unsigned, our.signed(), False)]
        for name, options in (("p384", ("-algorithm", "EC", "-pkeyopt", "ec_paramgen_curve:P-384")),
                              ("rsa", ("-algorithm", "RSA", "-pkeyopt", "rsa_keygen_bits:2048")),
                              ("ed", ("-algorithm", "ED25519"))):
            key = Key(our.dir, name, *options)
            image, pushed = our.push("trust/" + name)
            text = payload(pushed["manifest"], f"{REGISTRY}/trust/{name}")  # as cosign: no tag
            attach("trust/" + name, pushed["manifest"], (text, key.sign(text)))
            cases += [(name, image, our.signed(key, REPOSITORY), True), (name + ", no tag", image, our.signed(key), False),
                      (name + ", another key", image, our.signed(identity=REPOSITORY), False)]
        first = cases[0][1]
        forged = {"of another image": payload("sha256:" + "a" * 64, f"{REGISTRY}/trust/bad"),
                  "of another kind": payload(pushed["manifest"], f"{REGISTRY}/trust/bad", "atomic container signature"),
                  "with more in it": payload(pushed["manifest"], f"{REGISTRY}/trust/bad", more=1),
                  "of another name": payload(pushed["manifest"], first)}
        for number, (what, text) in enumerate(forged.items()):
            image, bad = our.push(f"trust/bad{number}")
            text = text.replace(pushed["manifest"].encode(), bad["manifest"].encode()).replace(b"trust/bad", f"trust/bad{number}".encode())
            attach(f"trust/bad{number}", bad["manifest"], (text, our.key.sign(text)))
            cases.append((what, image, our.signed(identity=REPOSITORY), False))
        image, several = our.push("trust/several")
        text = payload(several["manifest"], image)
        attach("trust/several", several["manifest"], (text, other.sign(text)), (text, our.key.sign(text)))
        cases.append(("the second of two", image, our.signed(), True))
        judge(our, cases)
        our.place(REGISTRY, "use-sigstore-attachments: false")
        judge(our, [("nowhere to look", image, our.signed(), False)])


@test("OpenPGP signatures: the verdict is skopeo's, case by case")
def _(node):
    for program in ("skopeo", "gpg"):
        need(program)
    with Trusting("trust-gpg") as our:
        gpg = Gpg(our.dir)
        try:
            ours, public = gpg.key("ours")
            theirs, their_public = gpg.key("theirs")
            past, past_public = gpg.key("past", "20200201T000000", "20200101T000000")
            our.place(REGISTRY, f"lookaside: file://{gpg.lookaside}")

            def by(path, **more):
                return [{"type": "signedBy", "keyType": "GPGKeys", "keyPath": path, **more}]

            def signed(name, fingerprint, *options, **change):
                image, pushed = our.push("gpg/" + name)
                text = openpgp_payload(change.get("digest", pushed["manifest"]), change.get("reference", image))
                gpg.place("gpg/" + name, pushed["manifest"], gpg.sign(fingerprint, text, *options))
                return image, pushed

            image, pushed = our.push("gpg/one")
            copy = our.dir + "/manifest.json"
            with open(copy, "wb") as file:
                file.write(run("skopeo", "inspect", "--raw", "--tls-verify=false", "docker://" + image))
            run("skopeo", "standalone-sign", copy, image, ours, "--output", our.dir + "/one.sig", env=gpg.env)
            gpg.place("gpg/one", pushed["manifest"], open(our.dir + "/one.sig", "rb").read())
            expired, _ = signed("expired", past, "--faked-system-time", "20200115T000000")
            cases = [("signed by skopeo", image, by(public), True), ("another key", image, by(their_public), False),
                     ("two keys in one file", image, by(public + ".both"), True),
                     ("key as data", image, [{"type": "signedBy", "keyType": "GPGKeys", "keyData": base64.b64encode(
                         open(public, "rb").read()).decode()}], True),
                     ("exact reference", image, by(public, signedIdentity={"type": "exactReference", "dockerReference": image}), True),
                     ("by digest", f"{REGISTRY}/gpg/one@{pushed['manifest']}", by(public), True),
                     ("signed by gpg", signed("two", ours)[0], by(public), True),
                     ("of another image", signed("three", ours, digest="sha256:" + "a" * 64)[0], by(public), False),
                     ("of another name", signed("four", ours, reference=image)[0], by(public), False),
                     ("by an expired key", expired, by(past_public), False),
                     ("not signed", our.push("gpg/none")[0], by(public), False)]
            write(public + ".both", open(their_public).read() + open(public).read())
            for name in ("garbage", "behind"):
                image, bad = our.push("gpg/" + name)
                gpg.place("gpg/" + name, bad["manifest"], b"\x90 not OpenPGP")
                cases.append((name, image, by(public), name == "behind"))
            gpg.place("gpg/behind", bad["manifest"], gpg.sign(ours, openpgp_payload(bad["manifest"], image)), 2)
            judge(our, cases)
            our.place(REGISTRY, "use-sigstore-attachments: true")
            our.node.cri.RemoveImage(image={"image": image})
            our.refused_pull(image, "registries.d names no lookaside for it")
        finally:
            gpg.stop()


@test("what a policy refuses is not fetched, and the refusal says why and what is wanted")
def _(node):
    front = Front()
    with Trusting("trust-refusal") as our:
        try:
            write(our.dir + "/registries.conf.d/front.conf", f'[[registry]]\nlocation = "{front.host}"\ninsecure = true\n')
            our.place(front.host, "use-sigstore-attachments: true")
            _, pushed = our.push("trust/refusal")
            image = f"{front.host}/trust/refusal:1"
            our.demand(our.signed(), scope=front.host)
            our.refused_pull(image, f'policy.json: the policy\'s scope docker "{front.host}" demands sigstoreSigned '
                                    "(requirement 1 of 1): no signature was found")
            equal([path for path in front.asked if "/blobs/" in path], [])
            equal(our.node.cri.ListImages().get("images", []), [])

            # A referrer that the registry lists; then the image is there, and its making asks nobody.
            text = payload(pushed["manifest"], image)
            index = refer("trust/refusal", pushed["manifest"], (text, our.key.sign(text)), kept_by_tag=False)
            front.lists[pushed["manifest"]] = index
            our.node.pull(image)
            asked = len(front.asked)
            our.node.restart()
            our.node.image = image
            with our.node.run_pod(linux=HOST) as pod:
                equal(pod.sh("echo trusted"), "trusted\n")
            equal(len(front.asked), asked)
        finally:
            front.stop()


@test("signatures are found with an index, and by the tag that lists referrers")
def _(node):
    with Trusting("trust-places") as our:
        our.demand(our.signed())
        image, _ = our.push_signed("places/index", "--index", which="index")
        our.node.pull(image)
        image, _ = our.push_signed("places/instance", "--index")
        our.node.pull(image)
        image, pushed = our.push("places/fallback")
        text = payload(pushed["manifest"], image)
        refer("places/fallback", pushed["manifest"], (text, our.key.sign(text)))
        our.node.pull(image)
        image, _ = our.push("places/index-of-none", "--index")
        our.refused_pull(image, "no signature was found")


@test("a policy that became stricter stops new containers of what it never saw signed")
def _(node):
    with Trusting("trust-stricter") as our:
        image, pushed = our.push("trust/stricter")
        our.node.pull(image)
        our.node.image = image
        with our.node.run_pod(linux=HOST) as pod:
            equal(pod.sh("echo before"), "before\n")
            our.demand(our.signed())
            told = refused("UNKNOWN", ["pull it again"], pod.start, ["true"])
            check(told.startswith(REFUSED + "create container"), told)
            text = payload(pushed["manifest"], image)
            attach("trust/stricter", pushed["manifest"], (text, our.key.sign(text)))
            our.node.pull(image)
            equal(pod.sh("echo signed"), "signed\n")
            our.node.kill()
            our.node.start()
            equal(pod.sh("echo kept"), "kept\n")
            other = Key(our.dir, "other", "-algorithm", "ED25519")
            our.demand(our.signed(other))
            refused("UNKNOWN", ["it is by none of the policy's keys"], pod.start, ["true"])
            our.demand(our.signed())
            # A namespace's own policy replaces the node's.
            own = our.dir + "/policies/default.json"
            write(own, json.dumps({"default": REJECT}))
            refused("UNKNOWN", ["default.json: "], pod.start, ["true"])
            sandbox = {"metadata": {"name": "p", "namespace": "default", "uid": "u"}}
            refused("UNKNOWN", ["default.json: the policy's scope default demands reject"], our.node.pull, image,
                    sandbox_config=sandbox)
            our.node.pull(image, sandbox_config={"metadata": {"name": "p", "namespace": "other", "uid": "u"}})
            refused("INVALID_ARGUMENT", ["is not the name of a namespace"], our.node.pull, image,
                    sandbox_config={"metadata": {"name": "p", "namespace": "../other", "uid": "u"}})
            os.unlink(own)
            # A policy that cannot be read, and one that has gone, accept nothing.
            write(our.policy, "{")
            refused("UNKNOWN", ["not valid JSON"], pod.start, ["true"])
            refused("UNKNOWN", ["not valid JSON"], our.node.pull, image)
            os.unlink(our.policy)
            refused("UNKNOWN", ["policy.json"], pod.start, ["true"])
            our.demand(our.signed())
            equal(pod.sh("echo again"), "again\n")


@test("berthd does not start with a policy that it cannot follow")
def _(node):
    our = Trusting("trust-start")
    for text, words in (("{", "not valid JSON"), ('{"default":[{"type":"sigstoreSigned","fulcio":{}}]}', '"fulcio" is not supported')):
        write(our.policy, text)
        done = subprocess.run(our.node.command(), capture_output=True, text=True, timeout=20)
        check(done.returncode != 0, "it ran")
        contains(done.stderr + done.stdout, words)


@test("an archive is let in where the policy says so, and runs where it is listed")
def _(node):
    with Trusting("trust-import") as our:
        path, name = our.dir + "/image.tar", "a.example/imported:1"
        run("python3", SOURCE + "/tests/support/push_image.py", "--busybox", "--out-oci-archive", path, "--name",
            "a.example/imported", "--tag", "1", "--cmd", '["sh"]')
        our.demand(our.signed(), scope="a.example")
        try:
            our.node.ctl("image", "import", path)
        except AssertionError as error:
            contains(str(error), REFUSED)
            contains(str(error), "only insecureAcceptAnything lets it in")
        else:
            raise AssertionError("imported")
        our.demand(our.signed(), default=ACCEPT, scope="a.example")
        our.node.ctl("image", "import", path)
        our.node.image = name
        with our.node.run_pod(linux=HOST) as pod:
            refused("UNKNOWN", ["no signature was found"], pod.start, ["true"])
            our.demand(our.signed(), scope="a.example", **{"oci-archive": {our.dir: ACCEPT}})
            equal(pod.sh("echo imported"), "imported\n")

