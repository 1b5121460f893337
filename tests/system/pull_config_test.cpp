// SPDX-License-Identifier: Apache-2.0
// The good ways to an image: hosts.toml, certificates, credentials of files and helpers, proxies.
#include <sys/stat.h>

#include <thread>

#include "fault_registry.hpp"
#include "image/registry/base64.hpp"

namespace berth::image {
namespace {

using Catch::Matchers::Contains;

/// An authority, a server's certificate for 127.0.0.1 and registry.example, and a client's.
struct Certificates {
  Certificates() {
    openssl({"req", "-x509", "-subj", "/CN=Test authority", "-keyout", "ca.key", "-out", "ca.crt"});
    issue("server", "subjectAltName=IP:127.0.0.1,DNS:registry.example");
    issue("client", "extendedKeyUsage=clientAuth");
  }
  std::string path(const std::string& name) const { return files.path(name); }

 private:
  void openssl(std::vector<std::string> arguments) const {
    std::vector<std::string> argv{"sh", "-c", "cd \"$1\" && shift && exec openssl \"$@\"", "sh",
                                  files.root()};
    argv.insert(argv.end(), arguments.begin(), arguments.end());
    argv.insert(argv.end(), {"-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-days", "2"});
    output_of(argv);
  }
  void issue(const std::string& name, const std::string& extension) const {
    openssl({"req", "-x509", "-subj", "/CN=" + name, "-CA", "ca.crt", "-CAkey", "ca.key", "-addext",
             "basicConstraints=critical,CA:false", "-addext", extension, "-keyout", name + ".key", "-out",
             name + ".crt"});
  }
  berth::testing::Tree files;
};

std::string auth_json(const std::string& key, const std::string& user_and_password) {
  return R"({"auths":{")" + key + R"(":{"auth":")" + encode_base64(user_and_password) + R"("}}})";
}

void write_program(const Node& node, const std::string& name, const std::string& script) {
  node.files.write(name, "#!/bin/sh\n" + script);
  REQUIRE(::chmod(node.files.path(name).c_str(), 0755) == 0);
}

std::size_t count(const std::string& text, const std::string& what) {
  std::size_t found = 0;
  for (std::size_t at = text.find(what); at != std::string::npos; at = text.find(what, at + 1)) ++found;
  return found;
}

}  // namespace

TEST_CASE("hosts.toml names the servers in its own order, and the server is asked last") {
  const FaultRegistry registry;
  const Node node("");
  node.files.write("certs.d/registry.example/hosts.toml",
                   "server = \"http://" + registry.host +
                       "\"\n[host.\"http://127.0.0.1:1\"]\n[host.\"http://" + registry.host +
                       "/api/here\"]\noverride_path = true\ncapabilities = [\"pull\"]\n[host.\"http://" +
                       registry.host + "/api/here\".header]\nx-from = \"berth\"\n");
  const ImagePtr image = node.must_pull("registry.example/redirect:latest");
  CHECK(image->repo_tags == std::vector<std::string>{"registry.example/redirect:latest"});
  const std::string log = registry.log();
  CHECK_THAT(log, Contains("GET /v2/redirect/manifests/latest?ns=registry.example "));
  CHECK_THAT(log, !Contains("GET /api/here/redirect/manifests/"));
  CHECK_THAT(log, Contains("GET /api/here/redirect/blobs/") && !Contains("GET /v2/redirect/blobs/"));
  // The header is for the server that the file names it for, not for where that one sends us.
  CHECK_THAT(log, Contains("?ns=registry.example auth= range= from=berth."));
  CHECK_THAT(log, Contains("?signature=s3cret auth= range= from=."));
}

TEST_CASE("a change of hosts.toml counts from the next pull on, and a mistake in it is named") {
  const FaultRegistry registry;
  const Node node("");
  node.files.write("certs.d/_default/hosts.toml", "server = 5\n");
  CHECK_THAT(node.refusal("registry.example/plain", Code::kInvalidArgument),
             Contains("_default/hosts.toml line 1: server is not a string"));
  node.files.write("certs.d/_default/hosts.toml", "server = \"http://" + registry.host + "\"\n");
  node.must_pull("registry.example/plain");
}

TEST_CASE("a registry with an authority of its own is trusted only where certs.d says so") {
  const Certificates made;
  const FaultRegistry registry({made.path("server.crt"), made.path("server.key")});
  const Node node("");
  const std::string name = registry.host_tls + "/plain:latest";
  CHECK_THAT(node.refusal(name, Code::kUnavailable), Contains("certificate"));
  node.files.write("certs.d/" + registry.host_tls + "/authority.crt",
                   *read_file(made.path("ca.crt"), 1U << 20));
  node.must_pull(name);
}

TEST_CASE("a registry that asks for a client's certificate gets the one of certs.d") {
  const Certificates made;
  const FaultRegistry registry({made.path("server.crt"), made.path("server.key"), made.path("ca.crt")});
  const Node node("");
  const std::string dir = "certs.d/" + registry.host_tls + "/";
  node.files.write(dir + "hosts.toml", "ca = \"" + made.path("ca.crt") + "\"\n");
  const std::string name = registry.host_tls + "/plain:latest";
  CHECK_FALSE(node.pull(name));
  node.files.write(dir + "hosts.toml", "ca = \"" + made.path("ca.crt") + "\"\nclient = [[\"" +
                                           made.path("client.crt") + "\", \"" + made.path("client.key") +
                                           "\"]]\n");
  node.must_pull(name);
}

TEST_CASE("credentials of the most specific key of auth.json are used, for their server only") {
  const FaultRegistry registry;
  const Node node(insecure(registry.host));
  node.files.write("auth.json", auth_json(registry.host + "/other", "user:secret"));
  CHECK_THAT(node.refusal(registry.name("auth-basic"), Code::kPermissionDenied), Contains("none were given"));
  CHECK_THAT(registry.log(), !Contains("Basic"));
  node.files.write("auth.json",
                   R"({"auths":{")" + registry.host + R"(":{"username":"user","password":"wrong"},")" +
                       registry.name("auth-basic") + R"(":{"username":"user","password":"secret"}}})");
  node.must_pull(registry.name("auth-basic"));
  CHECK_THAT(node.pull(registry.name("auth")).error().to_string(),
             Contains("status 401") && !Contains("wrong"));
}

TEST_CASE("a credential helper is asked when the registry asks, and an identity token of it is used as one") {
  const FaultRegistry registry;
  const Node node(insecure(registry.host));
  const std::string asked = node.files.path("asked");
  write_program(node, "bin/docker-credential-test",
                "cat >>" + asked + "; echo >>" + asked +
                    "\necho '{\"ServerURL\":\"x\",\"Username\":\"<token>\",\"Secret\":\"refresh\"}'\n");
  node.files.write("auth.json", R"({"credHelpers":{")" + registry.host + R"(":"test"}})");
  node.must_pull(registry.name("plain"));
  CHECK_FALSE(exists(asked));
  node.must_pull(registry.name("auth"));
  CHECK(*read_file(asked, 1000) == registry.host + "\n");
  CHECK_THAT(registry.log(), Contains("POST /token"));
}

TEST_CASE("a helper that fails or is missing leaves the pull without credentials, and says nothing secret") {
  const FaultRegistry registry;
  const Node node(insecure(registry.host));
  node.files.write("auth.json", R"({"credsStore":"test"})");
  CHECK_THAT(node.refusal(registry.name("auth-basic"), Code::kPermissionDenied), Contains("none were given"));
  write_program(node, "bin/docker-credential-test", "echo 'my secret'; exit 1\n");
  CHECK_THAT(node.refusal(registry.name("auth-basic"), Code::kPermissionDenied), !Contains("my secret"));
  auto plan = node.puller->plan(registry.name("auth-basic"), {});
  REQUIRE(plan);
  CHECK_THAT(plan->at(0).problem, Contains("docker-credential-test failed with exit status 1"));
  write_program(node, "bin/docker-credential-test",
                "echo 'credentials not found in native keychain'; exit 1\n");
  CHECK(node.puller->plan(registry.name("auth-basic"), {})->at(0).problem.empty());
}

TEST_CASE("credentials for one pull come before the node's, after those of the request") {
  const FaultRegistry registry;
  const Node node(insecure(registry.host));
  node.files.write("auth.json", auth_json(registry.host, "user:wrong"));
  Credentials once;
  once.auth_json = auth_json(registry.host, "user:secret");
  node.must_pull(registry.name("auth-basic"), once);
  once.username = "user";
  once.password = "also wrong";
  CHECK_FALSE(node.pull(registry.name("auth-basic"), once));
}

TEST_CASE("pulls that want the same token at once fetch it once") {
  const FaultRegistry registry;
  const HttpClient http{HttpClient::Options{}};
  TokenCache tokens;
  std::vector<std::string> failures(8);
  {
    std::vector<std::jthread> threads;
    for (std::string& failure : failures) {
      threads.emplace_back([&] {
        const RegistryClient client(http, tokens, plain_endpoint(registry.host, "auth-ping"), {});
        auto fetched = client.fetch_manifest("latest", {});
        if (!fetched) failure = fetched.error().to_string();
      });
    }
  }
  CHECK(failures == std::vector<std::string>(failures.size()));
  CHECK(count(registry.log(), "GET /token") == 1);
}

TEST_CASE("a proxy is asked for registries elsewhere, with its own password and never with theirs") {
  const Certificates made;
  const FaultRegistry registry({made.path("server.crt"), made.path("server.key")});
  ProxyOptions proxy;
  proxy.http = registry.host;
  proxy.https = "http://proxy:pass@" + registry.host;
  const Node node("", std::chrono::seconds(10), proxy);
  node.files.write("certs.d/registry.example/ca.crt", *read_file(made.path("ca.crt"), 1U << 20));
  node.files.write("certs.d/plain.example/hosts.toml", "server = \"http://plain.example\"\n");
  const ImagePtr image = node.must_pull("registry.example/auth-basic", user());
  const std::string log = registry.log();
  CHECK_THAT(log, Contains("CONNECT registry.example:443 auth= "));
  node.must_pull("plain.example/plain");
  CHECK_THAT(registry.log(), Contains("GET http://plain.example/v2/plain/manifests/latest "));
}

TEST_CASE("what is excepted from the proxy is not asked through it") {
  const FaultRegistry registry;
  ProxyOptions proxy;
  proxy.http = registry.host;
  // A name that libcurl takes to be this host, without asking anybody.
  const std::string name = "registry.localhost:1/plain";
  const std::string hosts = "server = \"http://registry.localhost:1\"\n";
  const Node proxied("", std::chrono::seconds(10), proxy);
  proxied.files.write("certs.d/registry.localhost:1/hosts.toml", hosts);
  proxied.must_pull(name);
  const std::string before = registry.log();
  proxy.exceptions = "other.example,.localhost";
  const Node direct("", std::chrono::seconds(10), proxy);
  direct.files.write("certs.d/registry.localhost:1/hosts.toml", hosts);
  CHECK_THAT(direct.refusal(name, Code::kUnavailable), Contains("registry.localhost:1"));
  CHECK(registry.log() == before);
}

TEST_CASE("the plan of a pull shows servers, reasons and sources, and no secret") {
  const Node node(
      "unqualified-search-registries = [\"one.example\"]\n[[registry]]\nlocation = \"one.example\"\n"
      "[[registry.mirror]]\nlocation = \"two.example/mirror\"\n");
  node.files.write("auth.json", auth_json("two.example", "user:secret"));
  auto plan = node.puller->plan("busybox", {});
  REQUIRE(plan);
  REQUIRE(plan->size() == 2);
  const PlannedServer& mirror = plan->at(0);
  CHECK(mirror.reference == "one.example/busybox:latest");
  CHECK(mirror.endpoint.host + "/" + mirror.endpoint.path == "two.example/mirror/busybox");
  CHECK(mirror.endpoint.said_by == "mirror of \"one.example\" in " + node.files.path("registries.conf"));
  CHECK(mirror.credentials == node.files.path("auth.json"));
  CHECK(plan->at(1).endpoint.host == "one.example");
  CHECK(plan->at(1).credentials.empty());
}

TEST_CASE("a registries.conf that has become unreadable is warned about, and what it said before holds") {
  const FaultRegistry registry;
  const Node node(insecure(registry.host));
  node.must_pull(registry.name("plain"));
  node.files.write("registries.conf", "[[registry\n");
  node.must_pull(registry.name("plain"));
}

}  // namespace berth::image
