// SPDX-License-Identifier: Apache-2.0
#include "image/registry/registries_conf.hpp"

#include <catch2/catch.hpp>

#include "image/registry/hosts.hpp"
#include "tree.hpp"

namespace berth::image {
namespace {

using Catch::Matchers::Contains;

RegistriesConf conf_of(const std::string& text) {
  auto conf = parse_registries_conf(text, "r.conf");
  if (!conf) FAIL(conf.error().to_string());
  return *conf;
}

/// "host/path" of every endpoint, "!" for insecure.
std::vector<std::string> endpoints(const std::string& text, const std::string& reference) {
  auto resolved = resolve_endpoints(conf_of(text), *parse_reference(reference));
  if (!resolved) return {resolved.error().to_string()};
  std::vector<std::string> all;
  for (const Endpoint& endpoint : *resolved)
    all.push_back((endpoint.insecure ? "!" : "") + endpoint.host + "/" + endpoint.path);
  return all;
}
using List = std::vector<std::string>;

}  // namespace

TEST_CASE("a malformed file is refused with its line or key") {
  const std::vector<std::pair<std::string, std::string>> cases{
      {"a = [", "r.conf line 1"},
      {"\nunqualified-search-registries = \"a\"",
       "line 2: unqualified-search-registries is not an array of strings"},
      {"unqualified-search-registries = [1]", "is not an array of strings"},
      {"registry = 1", "registry is not an array of tables"},
      {"[[registry]]\nprefix = 1", "prefix is not a string"},
      {"[[registry]]\nlocation = \"a.b\"\ninsecure = \"yes\"", "insecure is not true or false"},
      {"[[registry]]\nblocked = true", "registry prefix: \"\""},
      {"[[registry]]\nlocation = \"http://a.b\"", "\"http://a.b\" is not host"},
      {"[[registry]]\nlocation = \"a.b/../c\"", "is not host"},
      {"[[registry]]\nlocation = \"a.b\"\n[[registry.mirror]]\nlocation = \"x y\"", "mirror location"},
      {"[[registry]]\nlocation = \"a.b\"\n[[registry.mirror]]\nlocation = \"m.b\"\npull-from-mirror = "
       "\"never\"",
       "none of all"},
      {"[[registry]]\nlocation = \"a.b\"\nmirror-by-digest-only = true\n[[registry.mirror]]\nlocation = "
       "\"m.b\"\npull-from-mirror = \"all\"",
       "exclude each other"},
      {"[[registry]]\nlocation = \"a.b\"\n[[registry.mirror]]\nlocation = \"*.m.b\"", "is not host"},
      {"short-name-mode = \"maybe\"", "none of enforcing, permissive, disabled"},
      {"[aliases]\n\"a:1\" = \"b.io/a\"", "line 2: the alias \"a:1\" is not a short name"},
      {"[aliases]\n\"c.io/a\" = \"b.io/a\"", "is not a short name"},
      {"[aliases]\na = \"b.io/a:1\"", "which is not host/path without a tag"},
      {"[aliases]\na = \"b\"", "which is not host/path without a tag"},
      {"[aliases]\na = 1", "is not a short name for a string"},
      {"aliases = 1", "aliases is not a table"},
      {"[registries.search]\nregistries = [\"a\"]", "old format"}};
  for (const auto& [text, reason] : cases) {
    INFO(text);
    auto conf = parse_registries_conf(text, "r.conf");
    REQUIRE_FALSE(conf);
    CHECK(conf.error().code() == Code::kInvalidArgument);
    CHECK_THAT(conf.error().to_string(), Contains(reason));
  }
}

TEST_CASE("without a rule a name is its own address, and Docker Hub answers elsewhere") {
  CHECK(endpoints("", "quay.io/a/b:1") == List{"quay.io/a/b"});
  CHECK(endpoints("", "busybox") == List{"registry-1.docker.io/library/busybox"});
  CHECK(endpoints("", "127.0.0.1:5000/a") == List{"127.0.0.1:5000/a"});
}

TEST_CASE("the longest prefix wins, on boundaries only") {
  const std::string text =
      "[[registry]]\nlocation = \"host.io\"\n"
      "[[registry]]\nprefix = \"host.io/a\"\nlocation = \"one.io/x\"\n"
      "[[registry]]\nprefix = \"host.io/a/b\"\nlocation = \"two.io\"\ninsecure = true\n"
      "[[registry]]\nprefix = \"host.io/c:tag\"\nblocked = true\n";
  CHECK(endpoints(text, "host.io/z") == List{"host.io/z"});
  CHECK(endpoints(text, "host.io/ab") == List{"host.io/ab"});
  CHECK(endpoints(text, "host.io/a/z") == List{"one.io/x/z"});
  CHECK(endpoints(text, "host.io/a/b/c") == List{"!two.io/c"});
  CHECK(endpoints(text, "host.io:5000/a/z") == List{"host.io:5000/a/z"});
  CHECK(endpoints(text, "host.io/c:other") == List{"host.io/c"});
  CHECK(endpoints(text, "host.io/c:tag") == List{"registries.conf blocks \"host.io/c:tag\""});
  CHECK_THAT(endpoints(text, "host.io/a/b").at(0), Contains("bare host"));
}

TEST_CASE("a wildcard covers subdomains of any depth, never the domain itself") {
  const std::string text = "[[registry]]\nprefix = \"*.example.com\"\ninsecure = true\n";
  CHECK(endpoints(text, "a.example.com/x") == List{"!a.example.com/x"});
  CHECK(endpoints(text, "a.b.example.com/x") == List{"!a.b.example.com/x"});
  CHECK(endpoints(text, "example.com/x") == List{"example.com/x"});
  CHECK(endpoints(text, "badexample.com/x") == List{"badexample.com/x"});
  CHECK(endpoints("[[registry]]\nprefix = \"*.example.com\"\nlocation = \"m.io/all\"\n", "a.example.com/x") ==
        List{"m.io/all/x"});
}

TEST_CASE("mirrors come first, in order, for what they may be asked") {
  const std::string mirrors =
      "[[registry.mirror]]\nlocation = \"any.io\"\n"
      "[[registry.mirror]]\nlocation = \"digest.io/d\"\ninsecure = true\npull-from-mirror = \"digest-only\"\n"
      "[[registry.mirror]]\nlocation = \"tag.io\"\npull-from-mirror = \"tag-only\"\n";
  const std::string text = "[[registry]]\nlocation = \"docker.io\"\n" + mirrors;
  const std::string by_digest = "busybox@" + sha256("").text();
  CHECK(endpoints(text, "busybox:1") ==
        List{"any.io/library/busybox", "tag.io/library/busybox", "registry-1.docker.io/library/busybox"});
  CHECK(endpoints(text, by_digest) == List{"any.io/library/busybox", "!digest.io/d/library/busybox",
                                           "registry-1.docker.io/library/busybox"});
  const std::string only =
      "[[registry]]\nlocation = \"docker.io\"\nmirror-by-digest-only = true\n[[registry.mirror]]\nlocation = "
      "\"any.io\"\n";
  CHECK(endpoints(only, "busybox:1") == List{"registry-1.docker.io/library/busybox"});
  CHECK(endpoints(only, by_digest).size() == 2);
}

TEST_CASE("drop-ins are merged in the order of their names") {
  const berth::testing::Tree files{
      {"r.conf",
       "unqualified-search-registries = [\"docker.io\"]\n[[registry]]\nlocation = \"a.io\"\ninsecure = "
       "true\n"},
      {"d/20-b.conf", "[[registry]]\nlocation = \"a.io\"\nblocked = true\n"},
      {"d/10-a.conf", "unqualified-search-registries = [\"quay.io\"]\n[[registry]]\nlocation = \"a.io\"\n"},
      {"d/30-c.conf.bak", "not toml ["}};
  const RegistriesConfPaths paths{files.path("r.conf"), files.path("d"), files.path("aliases.conf")};
  auto conf = load_registries_conf(paths);
  REQUIRE(conf);
  CHECK(*conf->search == List{"quay.io"});
  REQUIRE(conf->rules.size() == 1);
  CHECK(conf->rules[0].blocked);
  CHECK_FALSE(conf->rules[0].insecure);
  const std::string before = registries_conf_stamp(paths);
  CHECK(before == registries_conf_stamp(paths));
  files.write("d/20-b.conf", "");
  CHECK(before != registries_conf_stamp(paths));
  auto nothing = load_registries_conf({files.path("absent"), files.path("absent.d"), ""});
  REQUIRE(nothing);
  CHECK(nothing->rules.empty());
}

TEST_CASE("short names are looked for where the file says, others only where they say") {
  const RegistriesConf conf = conf_of("unqualified-search-registries = [\"quay.io\", \"docker.io\"]");
  const auto candidates = *candidate_references(conf, *parse_reference("busybox"));
  REQUIRE(candidates.size() == 2);
  CHECK(candidates[0].text() == "quay.io/busybox:latest");
  CHECK(candidates[1].text() == "docker.io/library/busybox:latest");
  CHECK(candidate_references(conf, *parse_reference("a.io/x"))->size() == 1);
  CHECK(candidate_references({}, *parse_reference("x"))->at(0).text() == "docker.io/library/x:latest");
}

namespace {

/// What a short name may mean, or why it means nothing.
List meanings(const RegistriesConf& conf, const std::string& name) {
  auto candidates = candidate_references(conf, *parse_reference(name));
  if (!candidates) return {candidates.error().to_string()};
  List all;
  for (const Reference& candidate : *candidates) all.push_back(candidate.text());
  return all;
}

}  // namespace

TEST_CASE("an alias settles a short name, and an empty one of a later file erases it") {
  RegistriesConf conf = conf_of(
      "unqualified-search-registries = [\"quay.io\"]\n[aliases]\nbusybox = \"a.io/b/busybox\"\n\"team/x\" = "
      "\"c.io/x\"\n");
  const std::string digest = sha256("").text();
  CHECK(meanings(conf, "busybox") == List{"a.io/b/busybox:latest"});
  CHECK(meanings(conf, "busybox:1") == List{"a.io/b/busybox:1"});
  CHECK(meanings(conf, "team/x@" + digest) == List{"c.io/x@" + digest});
  CHECK(meanings(conf, "docker.io/library/busybox") == List{"docker.io/library/busybox:latest"});
  conf.merge(conf_of("[aliases]\nbusybox = \"\"\n"));
  CHECK(meanings(conf, "busybox") == List{"quay.io/busybox:latest"});
  CHECK(meanings(conf, "team/x") == List{"c.io/x:latest"});
  conf.merge(conf_of("short-name-mode = \"disabled\"\n"));
  CHECK(meanings(conf, "team/x") == List{"quay.io/team/x:latest"});
}

TEST_CASE("enforcing mode does not guess, and an empty search list means that nothing is searched") {
  RegistriesConf conf =
      conf_of("unqualified-search-registries = [\"a.io\", \"b.io\"]\nshort-name-mode = \"enforcing\"\n");
  CHECK_THAT(meanings(conf, "x").at(0), Contains("any of 2 search registries"));
  conf.merge(conf_of("unqualified-search-registries = [\"c.io\"]\n"));
  CHECK(meanings(conf, "x") == List{"c.io/x:latest"});
  conf.merge(conf_of("unqualified-search-registries = []\n"));
  CHECK_THAT(meanings(conf, "x").at(0), Contains("names no registry to search"));
}

}  // namespace berth::image
