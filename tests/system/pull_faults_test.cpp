// SPDX-License-Identifier: Apache-2.0
// The puller against a registry that lies, stumbles and loses its connection.
#include <thread>

#include "fault_registry.hpp"

namespace berth::image {
namespace {

using Catch::Matchers::Contains;

}  // namespace

TEST_CASE("an image is pulled, and pulled again without its layers") {
  const FaultRegistry registry;
  const Node node(insecure(registry.host));
  const ImagePtr image = node.must_pull(registry.name("plain"));
  CHECK(image->repo_tags == std::vector<std::string>{registry.name("plain:latest")});
  REQUIRE(image->repo_digests.size() == 1);
  CHECK(image->config.env == std::vector<std::string>{"A=b"});
  REQUIRE(image->layers.size() == 1);
  CHECK(read_file(node.store->layer_dir(image->layers[0]) + "/etc/motd", 100).operator*() == "hello\n");

  const ImagePtr by_digest = node.must_pull(image->repo_digests[0]);
  CHECK(by_digest->id == image->id);
  CHECK(by_digest->repo_tags == image->repo_tags);
  const std::string log = registry.log();
  std::size_t layer_requests = 0;
  const std::string digest = Impatient(registry, "plain").layer().digest.text();
  for (std::size_t at = log.find(digest); at != std::string::npos; at = log.find(digest, at + 1))
    ++layer_requests;
  CHECK(layer_requests == 1);
}

TEST_CASE("the index's entry for this host is chosen, and both digests name the image") {
  const FaultRegistry registry;
  const Node node(insecure(registry.host));
  const ImagePtr image = node.must_pull(registry.name("index"));
  CHECK(image->repo_digests.size() == 2);
  for (const std::string& name : image->repo_digests) CHECK(node.store->find(name) == image);
}

TEST_CASE("an index may lead to an index, and every digest on the way names the image") {
  const FaultRegistry registry;
  const Node node(insecure(registry.host));
  const ImagePtr image = node.must_pull(registry.name("nested"));
  CHECK(image->repo_digests.size() == 4);
  for (const std::string& name : image->repo_digests) CHECK(node.store->find(name) == image);
}

TEST_CASE("a pull without credentials gets an anonymous token, and one with them proves who it is") {
  const FaultRegistry registry;
  const Node node(insecure(registry.host));
  CHECK_THAT(node.refusal(registry.name("auth"), Code::kPermissionDenied),
             Contains("token server") && !Contains("secret"));
  CHECK_THAT(node.refusal(registry.name("auth-basic"), Code::kPermissionDenied), Contains("none were given"));
  node.must_pull(registry.name("auth-basic"), user());
  node.must_pull(registry.name("auth"), user());
  node.must_pull(registry.name("auth-expires"));
  node.must_pull(registry.name("auth-scope"));
  node.must_pull(registry.name("auth-ping"));
  Credentials refresh;
  refresh.identity_token = "refresh";
  node.must_pull(registry.name("auth"), refresh);
  Credentials ready;
  ready.registry_token = "ready";
  node.must_pull(registry.name("auth"), ready);
}

TEST_CASE("credentials meant for another server are not sent") {
  const FaultRegistry registry;
  const Node node(insecure(registry.host));
  Credentials others = user();
  others.server_address = "https://registry.example/v2/";
  CHECK_THAT(node.refusal(registry.name("auth-basic"), Code::kPermissionDenied, others),
             Contains("none were given"));
  CHECK_THAT(registry.log(), !Contains("Basic"));
}

TEST_CASE("the Authorization header does not follow a redirect to another server") {
  const FaultRegistry registry;
  const Node node(insecure(registry.host));
  node.must_pull(registry.name("auth"), user());
  const std::string log = registry.log();
  const std::size_t at = log.find(registry.cdn_port + " GET /cdn/");
  REQUIRE(at != std::string::npos);
  CHECK_THAT(log.substr(at, log.find('\n', at) - at), Contains("auth= ") && Contains("signature=s3cret"));
}

TEST_CASE("what a registry says wrongly is refused by name, and nothing of it stays") {
  const FaultRegistry registry;
  const Node node(insecure(registry.host));
  const auto refusal = [&](const std::string& fault, Code code) {
    std::string text = node.refusal(registry.name(fault), code);
    CHECK_THAT(text, Contains("pull image \"" + registry.name(fault) + "\"") && !Contains("s3cret"));
    return text;
  };
  CHECK_THAT(refusal("wrong-digest", Code::kFailedPrecondition),
             Contains("fetch layer sha256:") && Contains("digest mismatch: got sha256:"));
  CHECK_THAT(refusal("short", Code::kFailedPrecondition), Contains("bytes, the manifest says"));
  CHECK_THAT(refusal("longer", Code::kFailedPrecondition), Contains("longer than"));
  CHECK_THAT(refusal("wrong-diff-id", Code::kFailedPrecondition),
             Contains("the image config says sha256:0000"));
  CHECK_THAT(refusal("wrong-range", Code::kFailedPrecondition),
             Contains("were asked for, the registry sent \"bytes 10-"));
  CHECK_THAT(refusal("loop-401", Code::kPermissionDenied), Contains("keeps refusing"));
  CHECK_THAT(refusal("redirect-loop", Code::kFailedPrecondition), Contains("more than 10 redirects"));
  CHECK_THAT(refusal("redirect-file", Code::kFailedPrecondition), Contains("not an http or https address"));
  CHECK_THAT(refusal("html-404", Code::kNotFound), Contains("status 404") && !Contains("<html"));
  CHECK_THAT(refusal("oversize", Code::kFailedPrecondition), Contains("longer than 4194304 bytes"));
  CHECK_THAT(refusal("busy-long", Code::kUnavailable), Contains("status 429"));
  CHECK_THAT(refusal("schema1", Code::kFailedPrecondition), Contains("schema 1"));
  CHECK_THAT(refusal("confusion", Code::kFailedPrecondition), Contains("as an image and as an index"));
  CHECK_THAT(refusal("wrong-type", Code::kFailedPrecondition), Contains("was served as"));
  CHECK_THAT(refusal("artifact", Code::kFailedPrecondition), Contains("artifact of type"));
  CHECK_THAT(refusal("artifact-manifest", Code::kFailedPrecondition), Contains("artifact of type \"a/b\""));
  CHECK_THAT(refusal("nested-deep", Code::kFailedPrecondition), Contains("nested deeper than 3"));
  CHECK_THAT(refusal("foreign", Code::kNotFound),
             Contains("urls are not followed") && Contains("status 404"));
  CHECK_THAT(refusal("no-platform", Code::kNotFound), Contains("plan9/mips"));
  CHECK_THAT(refusal("gzip-open", Code::kFailedPrecondition), Contains("fetch layer sha256:"));
  CHECK_THAT(refusal("gone-on-cdn", Code::kNotFound), Contains("status 404"));
  CHECK_THAT(refusal("token-loop", Code::kFailedPrecondition),
             Contains("get a token for " + registry.host) && Contains("more than 10 redirects"));
  CHECK_THAT(refusal("unknown", Code::kNotFound), Contains("NAME_UNKNOWN: no such repository"));
}

TEST_CASE("what never ends is given up at its limit, and takes no memory") {
  const FaultRegistry registry;
  const Node node(insecure(registry.host));
  node.must_pull(registry.name("plain"));
  REQUIRE(node.store->remove(registry.name("plain")));
  const long before = peak_memory_kib();
  const auto refusal = [&](const std::string& fault, Code code) {
    return node.refusal(registry.name(fault), code);
  };
  CHECK_THAT(refusal("endless", Code::kFailedPrecondition), Contains("longer than the"));
  CHECK_THAT(refusal("encoded-endless", Code::kFailedPrecondition), Contains("longer than the"));
  CHECK_THAT(refusal("endless-manifest", Code::kFailedPrecondition),
             Contains("the answer is longer than 4194304 bytes"));
  CHECK_THAT(refusal("endless-token", Code::kFailedPrecondition),
             Contains("the answer is longer than 1048576 bytes"));
  CHECK_THAT(refusal("endless-error", Code::kNotFound), Contains("status 404"));
  CHECK(peak_memory_kib() - before < 48 << 10);
}

TEST_CASE("a lost connection is continued where it broke") {
  const FaultRegistry registry;
  for (const char* fault : {"plain", "cut", "range-ignored", "busy-429", "error-500", "encoded", "redirect",
                            "reset-status", "reset-header", "reset-start", "reset-middle", "reset-last"}) {
    INFO(fault);
    Impatient patientless(registry, fault);
    const Descriptor layer = patientless.layer();
    auto fetched = patientless.fetch(layer);
    if (!fetched) FAIL(fetched.error().to_string());
    CHECK(*fetched == layer.size);
  }
  CHECK_THAT(registry.log(), Contains("range=bytes="));
  CHECK_THAT(Impatient(registry, "cut-always").refusal(Code::kUnavailable),
             Contains("/v2/cut-always/blobs/"));
  CHECK_THAT(Impatient(registry, "stall", 1).refusal(Code::kUnavailable),
             Contains("bytes arrived within 1 s"));
  CHECK_THAT(Impatient(registry, "drops", 1).refusal(Code::kUnavailable),
             Contains("bytes arrived within 1 s"));
}

TEST_CASE("an unreachable registry is unavailable, and plain http is not tried unless it is allowed") {
  const FaultRegistry registry;
  const Node strict("");
  CHECK_THAT(strict.refusal(registry.name("plain"), Code::kUnavailable),
             Contains("https://" + registry.host));
  CHECK(registry.log().empty());
  CHECK_THAT(Node(insecure("127.0.0.1:1")).refusal("127.0.0.1:1/x", Code::kUnavailable),
             Contains("127.0.0.1:1"));
}

TEST_CASE("a mirror is asked first, and the image keeps the name that was asked for") {
  const FaultRegistry registry;
  const std::string mirrored =
      "[[registry]]\nprefix = \"registry.example/team\"\nlocation = \"127.0.0.1:1\"\ninsecure = true\n"
      "[[registry.mirror]]\nlocation = \"127.0.0.1:1/dead\"\ninsecure = true\n"
      "[[registry.mirror]]\nlocation = \"" +
      registry.host + "\"\ninsecure = true\n";
  const Node node(mirrored);
  const ImagePtr image = node.must_pull("registry.example/team/plain:latest", user());
  CHECK(image->repo_tags == std::vector<std::string>{"registry.example/team/plain:latest"});
  CHECK_THAT(registry.log(), !Contains("Basic"));
  CHECK_THAT(node.pull("registry.example/team/nothing").error().to_string(),
             Contains("before that, " + registry.host));
}

TEST_CASE("the file of registries is read again when it has changed") {
  const FaultRegistry registry;
  const Node node(insecure(registry.host));
  node.files.write("registries.conf.d/50-block.conf",
                   "[[registry]]\nlocation = \"" + registry.host + "\"\nblocked = true\n");
  CHECK_THAT(node.refusal(registry.name("plain"), Code::kPermissionDenied),
             Contains("registries.conf blocks"));
  REQUIRE(::unlink(node.files.path("registries.conf.d/50-block.conf").c_str()) == 0);
  node.must_pull(registry.name("plain"));
}

TEST_CASE("a short name is looked for in the search registries, in order") {
  const FaultRegistry registry;
  const Node node("unqualified-search-registries = [\"127.0.0.1:1\", \"" + registry.host + "\"]\n" +
                  insecure(registry.host) + insecure("127.0.0.1:1"));
  CHECK(node.must_pull("plain")->repo_tags == std::vector<std::string>{registry.name("plain:latest")});
}

TEST_CASE("equal pulls run once, and the last caller's going stops them within a second") {
  const FaultRegistry registry;
  const Node node(insecure(registry.host), std::chrono::seconds(60));
  std::stop_source first, second;
  std::vector<Code> codes(2, Code::kUnknown);
  const auto wait = [&](std::size_t at, const std::stop_source& stop) {
    auto image = node.puller->pull(registry.name("stall"), {}, "", stop.get_token());
    codes[at] = image ? Code::kUnknown : image.error().code();
  };
  std::jthread one(wait, 0, first);
  std::jthread two(wait, 1, second);
  const auto begun = std::chrono::steady_clock::now();
  while (registry.log().find("/v2/stall/blobs/sha256") == std::string::npos) std::this_thread::yield();
  const auto seen = [&] {
    const auto progress = node.puller->progress(registry.name("stall:latest"));
    return progress && !progress->empty() ? progress->front() : LayerProgress();
  };
  while (seen().fetched == 0) std::this_thread::yield();
  CHECK(seen().state == LayerProgress::State::kFetching);
  CHECK(seen().fetched < seen().size);
  first.request_stop();
  one.join();
  const auto stopped = std::chrono::steady_clock::now();
  second.request_stop();
  two.join();
  // The pull itself ends a moment after those who waited for it.
  while (node.puller->progress(registry.name("stall:latest"))) std::this_thread::yield();
  const std::string log = registry.log();
  CHECK(log.find("/v2/stall/manifests/") == log.rfind("/v2/stall/manifests/"));
  CHECK(std::chrono::steady_clock::now() - stopped < std::chrono::seconds(1));
  CHECK(std::chrono::steady_clock::now() - begun < std::chrono::seconds(30));
  CHECK(codes == std::vector<Code>{Code::kCancelled, Code::kCancelled});
}

}  // namespace berth::image
