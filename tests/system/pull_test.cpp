// SPDX-License-Identifier: Apache-2.0
// Images of every shape through Debian's docker-registry and through archives.
#include <filesystem>
#include <fstream>
#include <iostream>
#include <thread>

#include "image/registry/http.hpp"
#include "pull_node.hpp"

namespace berth::image {
namespace {

using berth::testing::Tree;
using Catch::Matchers::Contains;

bool have_registry() {
  for (const char* program : {"/usr/bin/docker-registry", "/bin/busybox"}) {
    if (exists(program)) continue;
    std::cout << "SKIP: no " << program << "\n";
    return false;
  }
  return true;
}

/// docker-registry on a port that was free a moment ago.
class Registry {
 public:
  Registry() : port_(free_port()), host("127.0.0.1:" + port_) {
    files_.write("config.yml",
                 "version: 0.1\nlog: {level: error, accesslog: {disabled: true}}\nstorage:\n  filesystem: "
                 "{rootdirectory: " +
                     files_.path("data") + "}\nhttp: {addr: " + host + "}\n");
    server_ = std::make_unique<Server>(
        std::vector<std::string>{"docker-registry", "serve", files_.path("config.yml")}, false);
    const HttpClient http{HttpClient::Options{}};
    HttpRequest ping;
    ping.url = "http://" + host + "/v2/";
    const auto deadline = std::chrono::steady_clock::now() + std::chrono::seconds(30);
    while (http.perform(ping, {}).response.status != 200) {
      REQUIRE(std::chrono::steady_clock::now() < deadline);
      std::this_thread::yield();
    }
  }
  /// Output of push_image.py.
  std::string push(const std::string& name, std::vector<std::string> arguments) const {
    std::vector<std::string> argv{"python3", TEST_SUPPORT "/push_image.py", "--registry", host, "--name",
                                  name};
    argv.insert(argv.end(), arguments.begin(), arguments.end());
    return output_of(argv);
  }

 private:
  static std::string free_port() {
    return output_of(
        {"python3", "-c",
         "import socket;s=socket.socket();s.bind(('127.0.0.1',0));print(s.getsockname()[1],end='')"});
  }
  std::string port_;
  Tree files_;
  std::unique_ptr<Server> server_;

 public:
  std::string host;
};

std::string field(const std::string& output, const std::string& key) {
  const std::size_t at = ("\n" + output).find("\n" + key + " ");
  REQUIRE(at != std::string::npos);
  return output.substr(at + key.size() + 1, output.find('\n', at) - at - key.size() - 1);
}

/// Three layers; the second and third lean on those below by parents and hard links.
struct Layers {
  Layers() {
    for (const char* layer : {"one", "two", "three"}) std::filesystem::create_directories(files.path(layer));
    files.write("one/etc/deep/a", "first\n");
    files.write("two/etc/b", "second\n");
    files.write("three/etc/.wh.b", "");
    files.write("three/etc/c", "third\n");
  }
  std::vector<std::string> arguments(std::vector<std::string> more = {}) const {
    for (const char* layer : {"one", "two", "three"}) {
      more.insert(more.end(), {"--rootfs", files.path(layer)});
    }
    return more;
  }
  Tree files;
};

std::string layer_file(const Node& node, const ImagePtr& image, std::size_t layer, const std::string& name) {
  auto text = read_file(node.store->layer_dir(image->layers.at(layer)) + "/" + name, 1000);
  return text ? *text : text.error().to_string();
}

void check_layers(const Node& node, const ImagePtr& image) {
  REQUIRE(image->layers.size() == 3);
  CHECK(layer_file(node, image, 0, "etc/deep/a") == "first\n");
  CHECK(layer_file(node, image, 1, "etc/b") == "second\n");
  CHECK(layer_file(node, image, 2, "etc/c") == "third\n");
}

}  // namespace

TEST_CASE("every media type and compression gives the same image files") {
  if (!have_registry()) return;
  const Registry registry;
  const Layers layers;
  for (const char* types : {"--oci", "--docker"}) {
    for (const char* compress : {"gzip", "none", "zstd"}) {
      for (const bool index : {false, true}) {
        INFO(types << " " << compress << " " << index);
        auto arguments = layers.arguments({types, "--compress", compress, "--cmd", "[\"x\"]"});
        if (index) arguments.emplace_back("--index");
        const std::string pushed = registry.push("test/all", arguments);
        const Node node(insecure(registry.host));
        const ImagePtr image = node.must_pull(registry.host + "/test/all");
        CHECK(image->id == field(pushed, "config"));
        CHECK(image->repo_digests.size() == (index ? 2U : 1U));
        CHECK(image->config.cmd == std::vector<std::string>{"x"});
        check_layers(node, image);
        CHECK(
            node.must_pull(registry.host + "/test/all@" + field(pushed, index ? "index" : "manifest"))->id ==
            image->id);
      }
    }
  }
}

TEST_CASE("busybox comes with hard links, and its tag can move") {
  if (!have_registry()) return;
  const Registry registry;
  registry.push("library/busybox", {"--busybox", "--tag", "1", "--cmd", "sh"});
  const Node node(insecure(registry.host));
  const std::string name = registry.host + "/library/busybox:1";
  const ImagePtr old = node.must_pull(name);
  const std::string root = node.store->layer_dir(old->layers.at(0));
  CHECK(std::filesystem::equivalent(root + "/bin/sh", root + "/bin/busybox"));

  registry.push("library/busybox", {"--busybox", "--tag", "1", "--cmd", "ls"});
  const ImagePtr moved = node.must_pull(name);
  CHECK(moved->id != old->id);
  CHECK(node.store->find(name)->id == moved->id);
  CHECK(node.store->find(old->id)->repo_tags.empty());
  CHECK(moved->layers.at(0).number == old->layers.at(0).number);
}

TEST_CASE("a layer with a hard link into the layer below is unpacked after it") {
  if (!have_registry()) return;
  const Registry registry;
  const Layers layers;
  const std::string script =
      "import tarfile,sys\nt=tarfile.open(sys.argv[1],'w')\ni=tarfile.TarInfo('etc/link')\n"
      "i.type=tarfile.LNKTYPE\ni.linkname='etc/deep/a'\nt.addfile(i)\nt.close()\n";
  output_of({"python3", "-c", script, layers.files.path("link.tar")});
  registry.push("test/link", layers.arguments({"--tar", layers.files.path("link.tar")}));
  const Node wrong_way(insecure(registry.host));
  CHECK_FALSE(wrong_way.pull(registry.host + "/test/link"));

  registry.push("test/link2", {"--rootfs", layers.files.path("one"), "--tar", layers.files.path("link.tar")});
  const Node node(insecure(registry.host));
  const ImagePtr image = node.must_pull(registry.host + "/test/link2");
  CHECK(layer_file(node, image, 1, "etc/link") == "first\n");
}

TEST_CASE("concurrent pulls of images with common layers all succeed") {
  if (!have_registry()) return;
  const Registry registry;
  const Layers layers;
  constexpr int kImages = 6;
  for (int i = 0; i < kImages; ++i) {
    registry.push("test/n" + std::to_string(i), layers.arguments({"--env", "N=" + std::to_string(i)}));
  }
  const Node node(insecure(registry.host));
  std::vector<std::string> failures(kImages);
  {
    std::vector<std::jthread> threads;
    for (int i = 0; i < kImages; ++i) {
      threads.emplace_back([&, i] {
        auto image = node.pull(registry.host + "/test/n" + std::to_string(i));
        if (!image) failures[static_cast<std::size_t>(i)] = image.error().to_string();
      });
    }
  }
  CHECK(failures == std::vector<std::string>(kImages));
  REQUIRE(node.store->list().size() == kImages);
  for (const ImagePtr& image : node.store->list()) {
    check_layers(node, image);
    CHECK(image->layers.at(0).number == node.store->list().front()->layers.at(0).number);
  }
}

TEST_CASE("archives are imported with their names, or with one given") {
  const Layers layers;
  const Tree out;
  const auto build = [&](std::vector<std::string> how) {
    std::vector<std::string> argv{
        "python3", TEST_SUPPORT "/push_image.py", "--name", "team/app", "--tag", "v1", "--also-tag", "v2"};
    const auto arguments = layers.arguments(std::move(how));
    argv.insert(argv.end(), arguments.begin(), arguments.end());
    return output_of(argv);
  };
  const std::vector<std::pair<std::string, std::string>> kinds{{"--out-oci-layout", "layout"},
                                                               {"--out-oci-archive", "a.tar"},
                                                               {"--out-oci-archive", "a.tar.gz"},
                                                               {"--out-docker-archive", "d.tar"},
                                                               {"--out-docker-archive", "d.tar.gz"}};
  for (const auto& [option, name] : kinds) {
    for (const bool index : {false, true}) {
      INFO(name << " " << index);
      std::vector<std::string> how{option, out.path(name)};
      if (index) how.emplace_back("--index");
      const std::string built = build(how);
      const Node node("");
      auto images = node.puller->import(out.path(name), "", "", {});
      if (!images) FAIL(images.error().to_string());
      REQUIRE(images->size() == 1);
      CHECK(images->front()->id == field(built, "config"));
      CHECK(images->front()->repo_tags ==
            std::vector<std::string>{"docker.io/team/app:v1", "docker.io/team/app:v2"});
      check_layers(node, images->front());
      auto renamed = node.puller->import(out.path(name), "other:x", "", {});
      REQUIRE(renamed);
      CHECK(node.store->find("other:x")->id == images->front()->id);
    }
  }
}

TEST_CASE("an archive that climbs, lies or ends early is refused") {
  const Tree out;
  const std::string script =
      "import tarfile,sys,io\n"
      "def w(path,members):\n"
      "  t=tarfile.open(path,'w')\n"
      "  for n,d in members:\n"
      "    i=tarfile.TarInfo(n);i.size=len(d);t.addfile(i,io.BytesIO(d))\n"
      "  t.close()\n"
      "d=sys.argv[1]\n"
      "w(d+'/climb.tar',[('../x',b'1')])\n"
      "w(d+'/absolute.tar',[('/x',b'1')])\n"
      "w(d+'/nothing.tar',[('x',b'1')])\n"
      "w(d+'/config.tar',[('manifest.json',b'[{\"Config\":\"../../etc/passwd\",\"Layers\":[]}]')])\n"
      "w(d+'/"
      "missing.tar',[('manifest.json',b'[{\"Config\":\"c.json\",\"Layers\":[\"l.tar\"]}]'),('c.json',b'{}')])"
      "\n"
      "w(d+'/"
      "count.tar',[('manifest.json',b'[{\"Config\":\"c.json\",\"Layers\":[\"c.json\"]}]'),('c.json',b'{}')])"
      "\n"
      "open(d+'/short.tar','wb').write(open(d+'/missing.tar','rb').read()[:700])\n";
  output_of({"python3", "-c", script, out.root()});
  const Node node("");
  const auto refusal = [&](const std::string& name) {
    auto images = node.puller->import(out.path(name), "", "", {});
    REQUIRE_FALSE(images);
    CHECK(node.store->list().empty());
    CHECK_THAT(images.error().to_string(), Contains("import images from \"" + out.path(name) + "\""));
    return images.error().to_string();
  };
  CHECK_THAT(refusal("climb.tar"), Contains("\"../x\" climbs out"));
  CHECK_THAT(refusal("absolute.tar"), Contains("absolute"));
  CHECK_THAT(refusal("nothing.tar"), Contains("neither an OCI layout"));
  CHECK_THAT(refusal("config.tar"), Contains("\"../../etc/passwd\" climbs out"));
  CHECK_THAT(refusal("missing.tar"), Contains("there is no \"l.tar\""));
  CHECK_THAT(refusal("count.tar"), Contains("the manifest has 1 layers, the image config 0 diff IDs"));
  refusal("short.tar");
  refusal("absent.tar");
}

}  // namespace berth::image
