// SPDX-License-Identifier: Apache-2.0
#include <catch2/catch.hpp>

#include "base/cat.hpp"
#include "image/registry/base64.hpp"
#include "image/trust/identity.hpp"
#include "image/trust/policy.hpp"
#include "image/trust/registries_d.hpp"
#include "tree.hpp"

namespace berth::image {
namespace {

using Catch::Matchers::Contains;

constexpr const char* kAccept = R"([{"type":"insecureAcceptAnything"}])";
constexpr const char* kReject = R"([{"type":"reject"}])";

std::string with_default(const std::string& requirements) {
  return cat(R"({"default":)", requirements, "}");
}
std::string refusal_of(const std::string& text) {
  const auto policy = parse_policy(text, "policy.json");
  INFO(text);
  REQUIRE_FALSE(policy);
  CHECK(policy.error().code() == Code::kInvalidArgument);
  return policy.error().to_string();
}
/// What is wrong with one requirement.
std::string refused_requirement(const std::string& members) {
  return refusal_of(with_default(cat("[{", members, "}]")));
}
Reference named(const std::string& text) {
  auto reference = parse_reference(text);
  REQUIRE(reference);
  return *reference;
}
SignedIdentity identity(SignedIdentity::Kind kind, const std::string& name = "") {
  return {kind, name, {}, {}};
}
RegistriesD registries_d(const std::string& text) {
  auto parsed = parse_registries_d(text, "a.yaml");
  if (!parsed) FAIL(parsed.error().to_string());
  return *parsed;
}

const std::string kDigest = "sha256:" + std::string(64, 'a');

}  // namespace

TEST_CASE("a policy without a default, with unknown keys, or with keys twice is refused") {
  CHECK_THAT(refusal_of("{}"), Contains("\"default\" is missing"));
  CHECK_THAT(refusal_of("[]"), Contains("not an object"));
  CHECK_THAT(refusal_of(with_default("[]")), Contains("default: must be a list with at least one"));
  CHECK_THAT(refusal_of(with_default("{}")), Contains("must be a list"));
  CHECK_THAT(refusal_of(cat(R"({"default":)", kAccept, R"(,"Default":)", kReject, "}")),
             Contains("unknown key \"Default\""));
  CHECK_THAT(refusal_of(cat(R"({"default":)", kReject, R"(,"default":)", kAccept, "}")), Contains("twice"));
  CHECK_THAT(refusal_of(cat(R"({"default":)", kReject, R"(,"transports":{"docker":{"a.io":[]}}})")),
             Contains("transports.docker[\"a.io\"]: must be a list with at least one"));
  CHECK_THAT(refusal_of(cat(R"({"default":)", kReject, R"(,"transports":{"docker":[]}})")),
             Contains("transports.docker: not an object"));
  CHECK_THAT(refusal_of(with_default(kAccept) + "x"), Contains("not valid JSON"));
}

TEST_CASE("a requirement has exactly the keys of its type") {
  CHECK_THAT(refused_requirement(""), Contains("\"type\" is missing"));
  CHECK_THAT(refused_requirement(R"("type":"accept")"), Contains("unknown type \"accept\""));
  CHECK_THAT(refused_requirement(R"("type":"reject","keyPath":"/k")"), Contains("unknown key \"keyPath\""));
  const std::string sigstore = R"("type":"sigstoreSigned")";
  CHECK_THAT(refused_requirement(sigstore),
             Contains("one of keyPath, keyPaths, keyData, keyDatas must be there"));
  CHECK_THAT(refused_requirement(sigstore + R"(,"keyPath":"/a","keyData":"QQ==")"),
             Contains("both keyPath and keyData"));
  CHECK_THAT(refused_requirement(sigstore + R"(,"keyPath":"a.pub")"), Contains("not an absolute path"));
  CHECK_THAT(refused_requirement(sigstore + R"(,"keyPaths":[])"), Contains("not a list of strings"));
  CHECK_THAT(refused_requirement(sigstore + R"(,"keyPaths":["/a",1])"), Contains("must hold strings"));
  CHECK_THAT(refused_requirement(sigstore + R"(,"keyData":"***")"), Contains("keyData is not valid base64"));
  CHECK_THAT(refused_requirement(sigstore + R"(,"keyPath":"/a","keyType":"GPGKeys")"), Contains("keyType"));
  const std::string gpg = R"("type":"signedBy","keyPath":"/a")";
  CHECK_THAT(refused_requirement(gpg), Contains("\"keyType\" is missing"));
  CHECK_THAT(refused_requirement(gpg + R"(,"keyType":"X509Certificates")"),
             Contains("keyType \"X509Certificates\" is not supported"));
  CHECK_THAT(refused_requirement(R"("type":"signedBy","keyType":"GPGKeys","keyDatas":["QQ=="])"),
             Contains("unknown key \"keyDatas\""));
}

TEST_CASE("signing without keys is refused by name") {
  for (const char* key : {"fulcio", "pki", "rekorPublicKeyPath", "rekorPublicKeyDatas"}) {
    CHECK_THAT(refused_requirement(cat(R"("type":"sigstoreSigned","keyPath":"/a",")", key, R"(":{})")),
               Contains(cat("\"", key, "\" is not supported")));
  }
}

TEST_CASE("an identity has exactly what its type needs") {
  const auto refused = [](const std::string& members) {
    return refused_requirement(
        cat(R"("type":"sigstoreSigned","keyPath":"/k","signedIdentity":{)", members, "}"));
  };
  CHECK_THAT(refused(R"("type":"matchAll")"), Contains("signedIdentity: unknown type \"matchAll\""));
  CHECK_THAT(refused(R"("type":"matchExact","prefix":"a")"), Contains("unknown key \"prefix\""));
  CHECK_THAT(refused(R"("type":"exactReference","dockerReference":"a.io/b")"),
             Contains("neither tag nor digest"));
  CHECK_THAT(refused(R"("type":"exactReference")"), Contains("\"dockerReference\" is missing"));
  CHECK_THAT(refused(R"("type":"exactRepository","dockerRepository":"A B")"), Contains("malformed"));
  CHECK_THAT(refused(R"("type":"remapIdentity","prefix":"a.io")"), Contains("\"signedPrefix\" is missing"));
  for (const char* bad : {"", "a.io/", "a.io/b:1", "a.io/B", "plain", "*.a.io"}) {
    INFO(bad);
    CHECK_THAT(refused(cat(R"("type":"remapIdentity","signedPrefix":"b.io","prefix":")", bad, "\"")),
               Contains("is not a registry or a part of its names"));
  }
}

TEST_CASE("the most specific scope alone decides") {
  const char* text = R"({"default":[{"type":"reject"}],"transports":{"docker":{
      "a.io:5000/team/app:1":[{"type":"insecureAcceptAnything"}],
      "a.io:5000/team/app":[{"type":"reject"}],
      "a.io:5000/team":[{"type":"insecureAcceptAnything"}],
      "a.io:5000":[{"type":"reject"}],
      "*.io":[{"type":"reject"}],"*.b.io":[{"type":"reject"}],
      "docker.io/library/busybox":[{"type":"reject"}]},
      "oci":{"/images/good":[{"type":"insecureAcceptAnything"}]},
      "docker-archive":{"":[{"type":"reject"}]}}})";
  const auto policy = parse_policy(text, "p");
  REQUIRE(policy);
  const auto scope = [&](const char* name) { return policy->rule(named(name)).scope; };
  CHECK(scope("a.io:5000/team/app:1") == "docker \"a.io:5000/team/app:1\"");
  CHECK(scope("a.io:5000/team/app:2") == "docker \"a.io:5000/team/app\"");
  CHECK(scope(("a.io:5000/team/app@" + kDigest).c_str()) == "docker \"a.io:5000/team/app\"");
  CHECK(scope("a.io:5000/team/app/sub") == "docker \"a.io:5000/team/app\"");
  CHECK(scope("a.io:5000/team/apple") == "docker \"a.io:5000/team\"");
  CHECK(scope("a.io:5000/teams") == "docker \"a.io:5000\"");
  CHECK(scope("a.io/team/app:1") == "docker \"*.io\"");
  CHECK(scope("x.y.b.io:99/c") == "docker \"*.b.io\"");
  CHECK(scope("b.io/c") == "docker \"*.io\"");
  CHECK(scope("busybox") == "docker \"docker.io/library/busybox\"");
  CHECK(scope("a.com/x") == "default");
  CHECK(policy->rule("oci", "/images/good/x", false).scope == "oci \"/images/good\"");
  CHECK(policy->rule("oci", "/images/goodish", false).scope == "default");
  CHECK(policy->rule("oci", "/images/goodish", true).requirements == nullptr);
  CHECK(policy->rule("docker-archive", "/x", true).scope == "docker-archive \"\"");
}

TEST_CASE("each kind of identity accepts what it says and nothing else") {
  using Kind = SignedIdentity::Kind;
  const Reference tagged = named("a.io/b:1");
  const Reference by_digest = named("a.io/b@" + kDigest);
  const auto matches = [](const SignedIdentity& wanted, const Reference& asked, const std::string& name) {
    return matches_identity(wanted, asked, name);
  };
  CHECK(matches(identity(Kind::kExact), tagged, "a.io/b:1"));
  CHECK_FALSE(matches(identity(Kind::kExact), tagged, "a.io/b:2"));
  CHECK_FALSE(matches(identity(Kind::kExact), named("a.io/b"), "a.io/b"));  // no tag is not :latest here
  CHECK(matches(identity(Kind::kExact), named("a.io/b"), "a.io/b:latest"));
  CHECK_FALSE(matches(identity(Kind::kExact), by_digest, "a.io/b:1"));

  CHECK(matches(identity(Kind::kRepoDigestOrExact), tagged, "a.io/b:1"));
  CHECK_FALSE(matches(identity(Kind::kRepoDigestOrExact), tagged, "a.io/b:2"));
  CHECK_FALSE(matches(identity(Kind::kRepoDigestOrExact), tagged, "a.io/b"));
  CHECK(matches(identity(Kind::kRepoDigestOrExact), by_digest, "a.io/b:7"));
  CHECK_FALSE(matches(identity(Kind::kRepoDigestOrExact), by_digest, "a.io/b"));
  CHECK_FALSE(matches(identity(Kind::kRepoDigestOrExact), by_digest, "a.io/c:7"));

  CHECK(matches(identity(Kind::kRepository), tagged, "a.io/b"));
  CHECK(matches(identity(Kind::kRepository), tagged, "a.io/b:9"));
  CHECK_FALSE(matches(identity(Kind::kRepository), tagged, "a.io/bb"));
  CHECK_FALSE(matches(identity(Kind::kRepository), tagged, "no name!"));

  CHECK(matches(identity(Kind::kExactReference, "c.io/d:3"), tagged, "c.io/d:3"));
  CHECK_FALSE(matches(identity(Kind::kExactReference, "c.io/d:3"), tagged, "c.io/d:4"));
  CHECK_FALSE(matches(identity(Kind::kExactReference, "c.io/d:latest"), tagged, "c.io/d"));
  CHECK(matches(identity(Kind::kExactRepository, "c.io/d"), tagged, "c.io/d:4"));
  CHECK_FALSE(matches(identity(Kind::kExactRepository, "c.io/d"), tagged, "a.io/b:1"));

  const SignedIdentity remap{Kind::kRemap, "", "mirror.io/copy", "a.io"};
  CHECK(matches(remap, named("mirror.io/copy/b:1"), "a.io/b:1"));
  CHECK_FALSE(matches(remap, named("mirror.io/copy/b:1"), "mirror.io/copy/b:1"));
  CHECK_FALSE(matches(remap, named("mirror.io/copy/b:1"), "a.io/b:2"));
  CHECK_FALSE(matches(remap, named("mirror.io/copycat/b:1"), "a.io/b:1"));
  CHECK(matches(remap, named("mirror.io/copycat/b:1"), "mirror.io/copycat/b:1"));
}

TEST_CASE("keys are paths or data") {
  const auto policy = parse_policy(
      with_default(cat(R"([{"type":"sigstoreSigned","keyDatas":[")", encode_base64("one"), R"(","QQ"]},)",
                       R"({"type":"signedBy","keyType":"GPGKeys",)", R"("keyPaths":["/a","/b"]}])")),
      "p");
  REQUIRE(policy);
  REQUIRE(policy->fallback.size() == 2);
  CHECK(policy->fallback[0].keys.at(0).data == "one");
  CHECK(policy->fallback[0].keys.at(1).data == "A");
  CHECK(policy->fallback[1].keys.at(1).path == "/b");
  CHECK(policy->fallback[1].identity.kind == SignedIdentity::Kind::kRepoDigestOrExact);
}

TEST_CASE("registries.d: the most specific scope that says something counts, for each setting") {
  const RegistriesD all = registries_d(
      "# comment\n"
      "default-docker:\n  lookaside-staging: file:///write\n  lookaside: https://all.example/sig/\n"
      "docker:\n"
      "  a.io/team/app: {use-sigstore-attachments: true}\n"
      "  a.io/team:\n    sigstore: \"file:///old/name\"\n    use-sigstore-attachments: false\n"
      "  \"*.b.io\":\n    lookaside: http://b.example\n");
  CHECK(all.find(named("a.io/team/app:1")).lookaside == "file:///old/name");
  CHECK(all.find(named("a.io/team/app:1")).in_registry == true);
  CHECK(all.find(named("a.io/team/b")).in_registry == false);
  CHECK(all.find(named("x.b.io:5000/b")).lookaside == "http://b.example");
  CHECK(all.find(named("c.io/b")).lookaside == "https://all.example/sig");
  CHECK(all.find(named("c.io/b")).in_registry == std::nullopt);
}

TEST_CASE("registries.d: what is not known, said twice, or no plain YAML is refused") {
  const auto refused = [](const std::string& text) {
    const auto parsed = parse_registries_d(text, "a.yaml");
    INFO(text);
    REQUIRE_FALSE(parsed);
    return parsed.error().to_string();
  };
  CHECK_THAT(refused("docker:\n  a.io:\n    lookasid: file:///x\n"),
             Contains("docker: a.io: unknown key \"lookasid\""));
  CHECK_THAT(refused("Docker: {}\n"), Contains("unknown key \"Docker\""));
  CHECK_THAT(refused("docker:\n  a.io: {}\n  a.io: {}\n"),
             Contains("a.yaml:3: a key that is empty or occurs twice"));
  CHECK_THAT(refused("docker: [a]\n"), Contains("docker: is not a mapping"));
  CHECK_THAT(refused("docker:\n  a.io:\n    lookaside: ftp://x\n"),
             Contains("is not an https, http or file URL"));
  CHECK_THAT(refused("docker:\n  a.io:\n    use-sigstore-attachments: yes\n"),
             Contains("must be true or false"));
  CHECK_THAT(refused("docker: &a\n  a.io: *a\n"), Contains("anchors"));
  CHECK_THAT(refused("docker: {}\n---\ndocker: {}\n"), Contains("more than one document"));
  CHECK_THAT(refused("docker: {"), Contains("not valid YAML"));
  CHECK_THAT(refused("docker: " + std::string(40, '[') + std::string(40, ']')), Contains("nested deeper"));
  CHECK(registries_d("").find(named("a.io/b")).lookaside.empty());
}

TEST_CASE("registries.d: two files may not speak about the same scope") {
  const testing::Tree dir{{"a.yaml", "docker:\n  a.io: {lookaside: \"file:///a\"}\n"},
                          {"b.yaml", "docker:\n  b.io: {lookaside: \"file:///b\"}\n"},
                          {"c.conf", "no YAML: ["}};
  auto all = load_registries_d(dir.root());
  REQUIRE(all);
  CHECK(all->find(named("b.io/x")).lookaside == "file:///b");
  dir.write("d.yaml", "docker:\n  b.io: {lookaside: \"file:///c\"}\n");
  CHECK_THAT(load_registries_d(dir.root()).error().to_string(),
             Contains("d.yaml: docker: \"b.io\" is in another file"));
  CHECK(load_registries_d(dir.path("absent")));
}

}  // namespace berth::image
