// SPDX-License-Identifier: Apache-2.0
#include "image/registry/hosts_toml.hpp"

#include <catch2/catch.hpp>

#include "image/registry/certs_dir.hpp"
#include "tree.hpp"

namespace berth::image {
namespace {

using berth::testing::Tree;
using Catch::Matchers::Contains;
using List = std::vector<std::string>;

Endpoint endpoint_of(const std::string& host) {
  Endpoint endpoint;
  endpoint.host = host;
  endpoint.path = "a/b";
  return endpoint;
}

/// "scheme://host/root" of each server that is asked for `host`.
List servers(const Tree& files, const std::string& host) {
  auto asked = apply_certs_dirs({files.path("one"), files.path("two")}, endpoint_of(host));
  if (!asked) return {asked.error().to_string()};
  List all;
  for (const Endpoint& endpoint : *asked)
    all.push_back(endpoint.scheme + "://" + endpoint.host + endpoint.root);
  return all;
}

std::string refusal(const std::string& text) {
  auto hosts = parse_hosts_toml(text, "/d", "h.toml");
  REQUIRE_FALSE(hosts);
  CHECK(hosts.error().code() == Code::kInvalidArgument);
  return hosts.error().to_string();
}

}  // namespace

TEST_CASE("a malformed hosts.toml is refused with its line or key, and no header's value is shown") {
  CHECK_THAT(refusal("server = ["), Contains("h.toml line 1"));
  CHECK_THAT(refusal("server = 1"), Contains("server is not a string"));
  CHECK_THAT(refusal("host = 1"), Contains("host is not a table"));
  CHECK_THAT(refusal("[host]\n\"a.io\" = 1"), Contains("host.\"a.io\" is not a table"));
  for (const char* address : {"ftp://a.io", "https://", "", "https://u:p@a.io", "https://a.io/x?y",
                              "a.io/../b", "https://a.io//b", "a b", "https://a.io#x"}) {
    INFO(address);
    CHECK_THAT(refusal("[host.\"" + std::string(address) + "\"]"), Contains("is not [https://|http://]host"));
  }
  CHECK_THAT(refusal("capabilities = [\"fly\"]"), Contains("\"fly\" is none of pull, resolve, push"));
  CHECK_THAT(refusal("client = 1"), Contains("client is not a path"));
  CHECK_THAT(refusal("client = [[\"a\", \"b\", \"c\"]]"), Contains("client is not a path"));
  CHECK_THAT(refusal("skip_verify = \"yes\""), Contains("skip_verify is not true or false"));
  CHECK_THAT(refusal("dial_timeout = \"soon\""), Contains("dial_timeout: \"soon\" is not like"));
  CHECK_THAT(refusal("[header]\nx-a = \"s3cret\\r\\nx-b: 1\""),
             Contains("the header x-a has no usable value") && !Contains("s3cret"));
  CHECK_THAT(refusal("[header]\n\"x a\" = \"b\""), Contains("\"x a\" is not the name of a header"));
}

TEST_CASE("hosts come in the order of the file, not of the alphabet") {
  auto hosts = parse_hosts_toml(
      "server = \"z.io\"\n[host.\"https://m.io\"]\n[host.\"http://b.io:5000/x\"]\noverride_path = true\n"
      "capabilities = [\"resolve\", \"push\"]\n[host.\"c.io/v2\"]\n[host.\"a.io/team/\"]\n",
      "/d", "h.toml");
  REQUIRE(hosts);
  List all;
  for (const auto& host : hosts->hosts) all.push_back(host.scheme + "://" + host.host + host.root);
  CHECK(all == List{"https://m.io/v2", "http://b.io:5000/x", "https://c.io/v2", "https://a.io/team/v2"});
  CHECK_FALSE(hosts->hosts[1].pull);
  CHECK(hosts->hosts[1].resolve);
  CHECK(hosts->server.host == "z.io");
}

TEST_CASE("authorities, certificates and headers are read in each of their forms") {
  auto hosts = parse_hosts_toml(
      "ca = \"one.crt\"\nclient = \"both.pem\"\n[host.\"a.io\"]\nca = [\"x.crt\", \"/y.crt\"]\n"
      "client = [\"p.pem\", [\"c.cert\", \"c.key\"]]\ndial_timeout = \"1m30s\"\n[host.\"a.io\".header]\n"
      "x-one = \"1\"\nx-two = [\"2\", \"3\"]\n",
      "/d", "h.toml");
  REQUIRE(hosts);
  CHECK(hosts->server.ca == List{"/d/one.crt"});
  CHECK(hosts->server.clients.at(0) == std::pair<std::string, std::string>("/d/both.pem", "/d/both.pem"));
  const auto& host = hosts->hosts.at(0);
  CHECK(host.ca == List{"/d/x.crt", "/y.crt"});
  CHECK(host.clients.at(1) == std::pair<std::string, std::string>("/d/c.cert", "/d/c.key"));
  CHECK(host.headers == List{"x-one: 1", "x-two: 2", "x-two: 3"});
  CHECK(host.dial_timeout == std::chrono::seconds(90));
  CHECK(*parse_go_duration("500ms") == std::chrono::milliseconds(500));
  for (const char* bad : {"", "s", "5", "1.5s", "-1s", "5d", "99999999h"})
    CHECK_FALSE(parse_go_duration(bad));
}

TEST_CASE("the first directory that knows the host counts, then the default of all") {
  const Tree files{{"two/a.io/hosts.toml", "server = \"http://two.io\"\n"},
                   {"one/_default/hosts.toml", "server = \"http://default.io\"\n"},
                   {"two/b.io_5000_/hosts.toml", "server = \"http://port.io\"\n"},
                   {"two/docker.io/hosts.toml", "[host.\"https://mirror.io\"]\n"}};
  CHECK(servers(files, "a.io") == List{"http://two.io/v2"});
  CHECK(servers(files, "b.io:5000") == List{"http://port.io/v2"});
  CHECK(servers(files, "b.io") == List{"http://default.io/v2"});
  // Without a server the registry itself is the last to be asked.
  CHECK(servers(files, "registry-1.docker.io") == List{"https://mirror.io/v2", "://registry-1.docker.io/v2"});
  auto asked = apply_certs_dirs({files.path("two")}, endpoint_of("registry-1.docker.io"));
  REQUIRE(asked);
  CHECK(asked->at(0).ns == "docker.io");
  CHECK(asked->at(0).is_mirror);
  CHECK(asked->at(1).ns.empty());
  CHECK_FALSE(asked->at(1).is_mirror);
}

TEST_CASE("files as Docker names them are authorities and pairs, and half a pair is refused") {
  const std::string pem = "-----BEGIN CERTIFICATE-----\n";
  const Tree files{{"one/a.io:5000/x.crt", pem},
                   {"one/a.io:5000/y.cert", pem},
                   {"one/a.io:5000/y.key", "k"},
                   {"one/half.io/y.cert", pem},
                   {"one/other.io/y.key", "k"},
                   {"one/bad.io/x.crt", "no pem"},
                   {"one/gone.io/hosts.toml", "ca = \"absent.crt\"\n"}};
  auto asked = apply_certs_dirs({files.path("one")}, endpoint_of("a.io:5000"));
  REQUIRE(asked);
  CHECK_THAT(*asked->at(0).tls.extra_ca, Contains("BEGIN CERTIFICATE"));
  CHECK(asked->at(0).tls.client_cert == files.path("one/a.io:5000/y.cert"));
  CHECK(asked->at(0).tls.client_key == files.path("one/a.io:5000/y.key"));
  CHECK_THAT(servers(files, "half.io").at(0), Contains("y.cert has no y.key beside it"));
  CHECK_THAT(servers(files, "other.io").at(0), Contains("y.key has no y.cert beside it"));
  CHECK_THAT(servers(files, "bad.io").at(0), Contains("x.crt holds no PEM certificate"));
  CHECK_THAT(servers(files, "gone.io").at(0), Contains("absent.crt"));
}

}  // namespace berth::image
