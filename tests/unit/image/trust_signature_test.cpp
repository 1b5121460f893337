// SPDX-License-Identifier: Apache-2.0
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/rsa.h>

#include <catch2/catch.hpp>

#include "base/cat.hpp"
#include "image/registry/base64.hpp"
#include "image/trust/gpgv.hpp"
#include "image/trust/payload.hpp"
#include "image/trust/public_key.hpp"
#include "image/trust/signature_manifest.hpp"
#include "image/trust/verify.hpp"
#include "tree.hpp"

namespace berth::image {
namespace {

using berth::testing::Tree;
using Catch::Matchers::Contains;

/// A key pair made for the test.
class KeyPair {
 public:
  KeyPair(const char* type, const char* curve)
      : key_(::EVP_PKEY_Q_keygen(nullptr, nullptr, type, curve), ::EVP_PKEY_free) {}
  explicit KeyPair(std::size_t rsa_bits)
      : key_(::EVP_PKEY_Q_keygen(nullptr, nullptr, "RSA", rsa_bits), ::EVP_PKEY_free) {}

  std::string pem() const {
    const std::unique_ptr<BIO, decltype(&::BIO_free)> bio(::BIO_new(::BIO_s_mem()), ::BIO_free);
    REQUIRE(::PEM_write_bio_PUBKEY(bio.get(), key_.get()) == 1);
    char* text = nullptr;
    const long length = ::BIO_get_mem_data(bio.get(), &text);
    return {text, static_cast<std::size_t>(length)};
  }
  std::string sign(const std::string& text, bool pss = false) const {
    const std::unique_ptr<EVP_MD_CTX, decltype(&::EVP_MD_CTX_free)> context(::EVP_MD_CTX_new(),
                                                                            ::EVP_MD_CTX_free);
    const bool pure = ::EVP_PKEY_is_a(key_.get(), "ED25519") == 1;
    EVP_PKEY_CTX* details = nullptr;
    REQUIRE(::EVP_DigestSignInit(context.get(), &details, pure ? nullptr : ::EVP_sha256(), nullptr,
                                 key_.get()) == 1);
    if (pss) REQUIRE(::EVP_PKEY_CTX_set_rsa_padding(details, RSA_PKCS1_PSS_PADDING) == 1);
    std::string signature(1024, '\0');
    std::size_t length = signature.size();
    REQUIRE(::EVP_DigestSign(context.get(), reinterpret_cast<unsigned char*>(signature.data()), &length,
                             reinterpret_cast<const unsigned char*>(text.data()), text.size()) == 1);
    signature.resize(length);
    return signature;
  }

 private:
  std::unique_ptr<EVP_PKEY, decltype(&::EVP_PKEY_free)> key_;
};

PublicKey parsed(const std::string& pem) {
  auto key = PublicKey::parse(pem, "test");
  if (!key) FAIL(key.error().to_string());
  return *std::move(key);
}
std::string refused_key(const std::string& pem) {
  const auto key = PublicKey::parse(pem, "/k.pub");
  REQUIRE_FALSE(key);
  return key.error().to_string();
}

std::string payload_of(const Digest& digest, const std::string& name,
                       const std::string& type = "cosign container image signature",
                       const std::string& optional = "null") {
  return cat(R"({"critical":{"identity":{"docker-reference":")", name,
             R"("},"image":{"docker-manifest-digest":")", digest.text(), R"("},"type":")", type,
             R"("},"optional":)", optional, "}");
}

const KeyPair& p256() {
  static const KeyPair key("EC", "P-256");
  return key;
}

/// Signatures of a test, as if they had been fetched.
struct Found final : SignatureSource {
  std::vector<Signature> all;
  std::string visit(SignatureKind kind, const Visitor& visitor) const override {
    for (const Signature& signature : all) {
      if (signature.kind == kind && visitor(signature)) return {};
    }
    return "a note";
  }
  void add(const Digest& digest, const std::string& payload, const std::string& signature) {
    all.push_back({SignatureKind::kSigstore, digest, payload, signature});
  }
};

Policy policy_of(const std::string& requirements) {
  auto policy = parse_policy(
      cat(R"({"default":[{"type":"reject"}],"transports":{"docker":{"a.io":[)", requirements, "]}}}"),
      "policy");
  if (!policy) FAIL(policy.error().to_string());
  return *std::move(policy);
}
std::string signed_with(const KeyPair& key, const std::string& identity = "") {
  return cat(R"({"type":"sigstoreSigned","keyData":")", encode_base64(key.pem()), "\"", identity, "}");
}
std::string refused(const Policy& policy, const std::string& name, const Found& found) {
  const auto verified = verify_signatures(policy, *parse_reference(name), found, {});
  REQUIRE_FALSE(verified);
  CHECK(verified.error().code() == Code::kFailedPrecondition);
  return verified.error().to_string();
}

const Digest kManifest = sha256("manifest");

}  // namespace

TEST_CASE("each kind of key accepts its own signatures, of the very bytes, and no others") {
  const KeyPair p384("EC", "P-384"), p521("EC", "P-521"), ed("ED25519", nullptr), rsa(2048),
      other("EC", "P-256");
  for (const KeyPair* key : {&p256(), &p384, &p521, &ed, &rsa}) {
    const PublicKey parsed_key = parsed(key->pem());
    const std::string signature = key->sign("text");
    INFO(key->pem());
    CHECK(parsed_key.verifies("text", signature));
    CHECK_FALSE(parsed_key.verifies("texT", signature));
    CHECK_FALSE(parsed_key.verifies("text", signature.substr(1)));
    CHECK_FALSE(parsed_key.verifies("text", ""));
    CHECK_FALSE(parsed_key.verifies("text", other.sign("text")));
  }
  CHECK_FALSE(parsed(rsa.pem()).verifies("text", rsa.sign("text", true)));  // PSS is another scheme
}

TEST_CASE("keys that are too weak, of other kinds, or not alone are refused") {
  CHECK_THAT(refused_key(KeyPair(1024).pem()),
             Contains("public key /k.pub: an RSA key of 1024 bits is too weak"));
  CHECK_THAT(refused_key(KeyPair("EC", "secp256k1").pem()), Contains("the curve secp256k1 is not supported"));
  CHECK_THAT(refused_key(KeyPair("ED448", nullptr).pem()),
             Contains("neither an ECDSA, an RSA nor an Ed25519"));
  CHECK_THAT(refused_key(p256().pem() + p256().pem()), Contains("more than one key"));
  CHECK_THAT(refused_key(""), Contains("not in PEM"));
  CHECK_THAT(refused_key("-----BEGIN CERTIFICATE-----\nQQ==\n-----END CERTIFICATE-----\n"),
             Contains("not a public key"));
}

TEST_CASE("a payload is read strictly") {
  const auto read = [](const std::string& text, SignatureKind kind = SignatureKind::kSigstore) {
    return parse_signed_claim(kind, text);
  };
  const auto claim = read(payload_of(kManifest, "a.io/b"));
  REQUIRE(claim);
  CHECK(claim->digest == kManifest);
  CHECK(claim->name == "a.io/b");
  const char* atomic = "atomic container signature";
  CHECK(read(payload_of(kManifest, "a.io/b", atomic, R"({"creator":"x","timestamp":1})"),
             SignatureKind::kSimple));
  // Of the other kind, without what must be there, with more than may be there, of other types.
  CHECK_FALSE(read(payload_of(kManifest, "a.io/b", atomic)));
  CHECK_FALSE(read(payload_of(kManifest, "a.io/b", atomic, "null"), SignatureKind::kSimple));
  CHECK_FALSE(read(payload_of(kManifest, "a.io/b", "cosign container image signature", "[]")));
  CHECK_FALSE(
      read(payload_of(kManifest, "a.io/b", "cosign container image signature", R"({"timestamp":1.5})")));
  CHECK_FALSE(read(payload_of(kManifest, "a.io/b", "cosign container image signature", R"({"creator":1})")));
  const std::string good = payload_of(kManifest, "a.io/b");
  const auto changed = [&](const std::string& from, const std::string& to) {
    std::string text = good;
    text.replace(text.find(from), from.size(), to);
    return text;
  };
  CHECK_FALSE(read(changed(R"(,"optional":null)", "")));
  CHECK_FALSE(read(changed(R"("critical":{)", R"("critical":{"more":1,)")));
  CHECK_FALSE(read(changed(R"("identity":{)", R"("identity":{"more":1,)")));
  CHECK_FALSE(read(changed(R"("image":{)", R"("image":{"more":1,)")));
  CHECK_FALSE(read(changed(R"("identity":{)", R"("identity":{"docker-reference":"x",)")));
  CHECK_FALSE(read(changed("sha256:", "sha255:")));
  CHECK_FALSE(read(changed(R"("a.io/b")", "7")));
  CHECK_FALSE(read(good + " {}"));
  CHECK_FALSE(read("[]"));
  CHECK_FALSE(read(std::string(kMaxSignature, ' ') + good));
}

TEST_CASE("a manifest of signatures gives payloads and signatures, and nothing else that is attached") {
  const auto layer = [](const std::string& type, const std::string& annotations, int size = 9) {
    return cat(R"({"mediaType":")", type, R"(","size":)", size, R"(,"digest":")", kManifest.text(),
               R"(","annotations":{)", annotations, "}}");
  };
  const auto manifest = [](const std::string& layers) {
    return cat(R"({"schemaVersion":2,"mediaType":"application/vnd.oci.image.manifest.v1+json","layers":[)",
               layers, "]}");
  };
  const std::string payload = "application/vnd.dev.cosign.simplesigning.v1+json";
  const std::string signature = R"("dev.cosignproject.cosign/signature":"QUJD")";
  const auto found = parse_signature_manifest(
      manifest(cat(layer(payload, signature), ",", layer("application/vnd.dsse.envelope.v1+json", signature),
                   ",", layer(payload, ""))));
  REQUIRE(found);
  REQUIRE(found->size() == 1);
  CHECK(found->front().signature == "ABC");
  CHECK(found->front().payload.digest == kManifest);
  CHECK_FALSE(
      parse_signature_manifest(manifest(layer(payload, R"("dev.cosignproject.cosign/signature":"*")"))));
  CHECK_FALSE(parse_signature_manifest(manifest(layer(payload, signature, 70'000))));
  CHECK_FALSE(
      parse_signature_manifest(R"({"mediaType":"application/vnd.oci.image.index.v1+json","layers":[]})"));
  CHECK_FALSE(parse_signature_manifest(R"({"layers":{}})"));
  std::string many = layer(payload, "");
  for (std::size_t i = 0; i < kMaxSignatures; ++i) many += "," + layer(payload, "");
  CHECK_FALSE(parse_signature_manifest(manifest(many)));
}

TEST_CASE("a list of referrers gives manifests of signatures, and tells of bundles") {
  const auto entry = [](const std::string& type) {
    return cat(R"({"mediaType":"application/vnd.oci.image.manifest.v1+json","size":9,"digest":")",
               kManifest.text(), R"(","artifactType":")", type, "\"}");
  };
  const auto found = parse_referrers(
      cat(R"({"schemaVersion":2,"manifests":[)", entry("application/vnd.dev.cosign.artifact.sig.v1+json"),
          ",", entry("application/vnd.dev.sigstore.bundle.v0.3+json"), ",", entry("text/spdx"), "]}"));
  REQUIRE(found);
  CHECK(found->signatures.size() == 1);
  CHECK(found->bundles == 1);
  CHECK_FALSE(
      parse_referrers(R"({"mediaType":"application/vnd.oci.image.manifest.v1+json","manifests":[]})"));
}

TEST_CASE("an image is accepted for a good signature about it, and for nothing less") {
  const std::string payload = payload_of(kManifest, "a.io/b:1");
  const Policy policy = policy_of(signed_with(p256()));
  Found found;
  CHECK_THAT(
      refused(policy, "a.io/b:1", found),
      Contains("the policy's scope docker \"a.io\" demands sigstoreSigned (requirement 1 of 1): no signature "
               "was found (a note)"));
  const KeyPair other("EC", "P-256");
  found.add(kManifest, payload, other.sign(payload));
  CHECK_THAT(refused(policy, "a.io/b:1", found),
             Contains("1 not accepted: it is by none of the policy's keys"));
  found.add(sha256("another"), payload, p256().sign(payload));
  CHECK_THAT(refused(policy, "a.io/b:1", found), Contains(cat("it is about ", kManifest.text(), ", not ")));
  found.add(kManifest, payload, p256().sign(payload));
  CHECK_THAT(refused(policy, "a.io/b:2", found),
             Contains("it is about \"a.io/b:1\", which does not count for a.io/b:2"));
  CHECK_THAT(refused(policy, "b.io/b:1", found), Contains("the policy's scope default demands reject"));

  const auto verified = verify_signatures(policy, *parse_reference("a.io/b:1"), found, {});
  REQUIRE(verified);
  REQUIRE(verified->size() == 1);
  CHECK(verified->front() == found.all.back());
}

TEST_CASE("a broken payload under a good signature is refused") {
  const std::string payload = R"({"critical":{}})";
  Found found;
  found.add(kManifest, payload, p256().sign(payload));
  CHECK_THAT(refused(policy_of(signed_with(p256())), "a.io/b:1", found), Contains("is missing"));
}

TEST_CASE("every requirement must hold, and any of its keys will do") {
  const KeyPair second("ED25519", nullptr), third("EC", "P-384");
  const std::string payload = payload_of(kManifest, "a.io/b");
  const std::string repository = R"(,"signedIdentity":{"type":"matchRepository"})";
  const Policy both = policy_of(cat(signed_with(p256(), repository), ",", signed_with(second, repository)));
  Found found;
  found.add(kManifest, payload, p256().sign(payload));
  CHECK_THAT(refused(both, "a.io/b:1", found), Contains("(requirement 2 of 2)"));
  found.add(kManifest, payload, second.sign(payload));
  CHECK(verify_signatures(both, *parse_reference("a.io/b:1"), found, {}));
  CHECK_THAT(
      refused(policy_of(cat(signed_with(p256(), repository), R"(,{"type":"reject"})")), "a.io/b:1", found),
      Contains("demands reject (requirement 2 of 2)"));

  const Tree files{{"third.pub", third.pem()}, {"second.pub", second.pem()}};
  const auto with_paths = [&](const std::string& one, const std::string& two) {
    return policy_of(
        cat(R"({"type":"sigstoreSigned","keyPaths":[")", one, R"(",")", two, "\"]", repository, "}"));
  };
  CHECK(verify_signatures(with_paths(files.path("third.pub"), files.path("second.pub")),
                          *parse_reference("a.io/b:1"), found, {}));
  CHECK_THAT(refused(with_paths(files.path("third.pub"), files.path("third.pub")), "a.io/b:1", found),
             Contains("by none of the policy's keys"));
  // A key that cannot be read is not left out.
  const auto absent = verify_signatures(with_paths(files.path("second.pub"), files.path("absent")),
                                        *parse_reference("a.io/b:1"), found, {});
  REQUIRE_FALSE(absent);
  CHECK_THAT(absent.error().to_string(), Contains("/absent"));
}

TEST_CASE("a stored image is judged by what was kept, under the name that was asked for") {
  const std::string payload = payload_of(kManifest, "a.io/b:1");
  Image image;
  image.id = "sha256:" + std::string(64, 'b');
  image.repo_tags = {"a.io/b:1"};
  image.repo_digests = {"a.io/b@" + kManifest.text()};
  const Tree files{{"policy.json", cat(R"({"default":[{"type":"reject"}],"transports":{"docker":{"a.io":[)",
                                       signed_with(p256()), "]}}}")}};
  const std::string policy = files.path("policy.json");
  const auto verify = [&](const std::string& asked) { return verify_stored(policy, image, asked, {}); };
  CHECK(verify_stored("", image, "a.io/b:1", {}));
  const auto unsigned_yet = verify("a.io/b:1");
  REQUIRE_FALSE(unsigned_yet);
  CHECK(unsigned_yet.error().code() == Code::kUnknown);
  CHECK_THAT(unsigned_yet.error().to_string(), Contains("policy.json: ") && Contains("pull it again"));

  image.signatures.push_back({SignatureKind::kSigstore, kManifest, payload, p256().sign(payload)});
  CHECK(verify("a.io/b:1"));
  CHECK(verify(image.id));
  CHECK(verify("a.io/b@" + kManifest.text()));
  CHECK_FALSE(verify("a.io/b:2"));
  CHECK_FALSE(verify("b.io/b:1"));
  image.repo_tags.clear();
  image.repo_digests.clear();
  CHECK_THAT(verify(image.id).error().to_string(), Contains("it has no name"));
  files.write("policy.json", "{");
  CHECK_THAT(verify("a.io/b:1").error().to_string(), Contains("not valid JSON"));
  CHECK_FALSE(verify_stored(files.path("absent.json"), image, "a.io/b:1", {}));
}

TEST_CASE("an import counts instead of signatures only where the policy lists its transport") {
  Image image;
  image.id = "sha256:" + std::string(64, 'b');
  image.repo_tags = {"a.io/b:1"};
  image.signatures.push_back({SignatureKind::kImport, kManifest, "oci-archive:/preload/a.tar", ""});
  const Tree files;
  const auto verify = [&](const std::string& fallback, const std::string& transports) {
    files.write("p.json", cat(R"({"default":[{"type":")", fallback, R"("}],"transports":{"docker":{"a.io":[)",
                              signed_with(p256()), "]}", transports, "}}"));
    return verify_stored(files.path("p.json"), image, "a.io/b:1", {});
  };
  const char* accept = R"([{"type":"insecureAcceptAnything"}])";
  CHECK_FALSE(verify("insecureAcceptAnything", ""));
  CHECK(verify("reject", cat(R"(,"oci-archive":{"/preload":)", accept, "}")));
  CHECK_FALSE(verify("reject", cat(R"(,"oci-archive":{"/preloaded":)", accept, "}")));
  CHECK_FALSE(verify("reject", cat(R"(,"docker-archive":{"":)", accept, "}")));
  CHECK_FALSE(verify("reject", R"(,"oci-archive":{"":[{"type":"reject"}]})"));
  files.write("p.json", R"({"default":[{"type":"reject"}]})");
  CHECK(verify_import(files.path("p.json"), "oci", "/a").error().code() == Code::kUnknown);
  CHECK(verify_import("", "oci", "/a"));
}

TEST_CASE("armored keys of any number become one keyring") {
  const std::string block =
      "-----BEGIN PGP PUBLIC KEY BLOCK-----\nVersion: x\n\nmQ\nENQUJD\n=abcd\n-----END PGP PUBLIC KEY "
      "BLOCK-----\n";
  const std::string body = *decode_base64("mQENQUJD");
  CHECK(*dearmor_keys("some words\n" + block, "k") == body);
  CHECK(*dearmor_keys(block + block, "k") == body + body);
  CHECK(*dearmor_keys("\x99\x01", "k") == "\x99\x01");
  for (const std::string& bad :
       {std::string(), std::string("text"), block.substr(0, 60),
        cat("-----BEGIN PGP PUBLIC KEY BLOCK-----\n\n*\n-----END PGP PUBLIC KEY BLOCK-----")}) {
    INFO(bad);
    CHECK_FALSE(dearmor_keys(bad, "k"));
  }
}

TEST_CASE("only one good signature over one text is good") {
  const std::string good =
      "[GNUPG:] PLAINTEXT 62 1 p\ngpgv: words\n[GNUPG:] NEWSIG\n[GNUPG:] GOODSIG A x\n[GNUPG:] VALIDSIG A\n";
  CHECK(is_one_good_signature(good));
  CHECK_FALSE(is_one_good_signature(""));
  CHECK_FALSE(is_one_good_signature(good + good));
  CHECK_FALSE(is_one_good_signature(good + "[GNUPG:] PLAINTEXT 62 1 q\n"));
  for (const char* bad : {"EXPKEYSIG", "EXPSIG", "REVKEYSIG", "BADSIG", "ERRSIG"})
    CHECK_FALSE(is_one_good_signature(good + "[GNUPG:] " + bad + " A\n"));
  CHECK_FALSE(is_one_good_signature("gpgv: " + good.substr(good.find("[GNUPG:] NEWSIG"))));
}

}  // namespace berth::image
