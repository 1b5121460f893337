// SPDX-License-Identifier: Apache-2.0
#include "netcni/networks.hpp"

#include <catch2/catch.hpp>
#include <filesystem>
#include <functional>
#include <string>
#include <thread>

#include "fake_node.hpp"

namespace berth::netcni {
namespace {

using test::FakeNode;
using test::Node;
using test::pod_request;

std::string why_not_ready(const Node& node) {
  const auto ready = node.networks->ready();
  return ready ? "" : ready.error().to_string();
}

/// Whether a condition comes true, within what the slowest machine may need.
bool becomes(const std::function<bool()>& condition) {
  for (int i = 0; i < 2000; ++i) {
    if (condition()) return true;
    std::this_thread::sleep_for(std::chrono::milliseconds(5));
  }
  return false;
}

bool becomes_ready(const Node& node) {
  return becomes([&] { return static_cast<bool>(node.networks->ready()); });
}
bool becomes_unready(const Node& node) {
  return becomes([&] { return !node.networks->ready(); });
}

std::string plain_network(const std::string& name, const std::string& plugin = "first") {
  return R"({"cniVersion":"1.0.0","name":")" + name + R"(","plugins":[{"type":")" + plugin + R"("}]})";
}

TEST_CASE("without configuration the network is not ready, and attaching says why", "[netcni][networks]") {
  Node node;
  node.open();
  CHECK(why_not_ready(node) == "no network configuration in " + node.files.conf_dir());
  CHECK(node.networks->network_name().empty());
  const auto attachment = node.networks->attach(pod_request(), {});
  REQUIRE_FALSE(attachment);
  CHECK(attachment.error().code() == Code::kUnavailable);
  CHECK_THAT(attachment.error().to_string(), Catch::Contains("no network configuration in"));
}

TEST_CASE("a configuration whose plugin is missing names plugin and directories", "[netcni][networks]") {
  Node node;
  node.files.add_plugin("first");
  node.files.add_conf("1.conflist", FakeNode::two_plugins());
  node.open();
  CHECK_THAT(why_not_ready(node), Catch::Contains("\"second\"") && Catch::Contains(node.files.bin_dir()));
  const auto attachment = node.networks->attach(pod_request(), {});
  REQUIRE_FALSE(attachment);
  CHECK(attachment.error().code() == Code::kUnavailable);
  CHECK(node.files.calls().empty());
  node.files.add_plugin("second");
  CHECK(becomes_ready(node));
}

TEST_CASE("the first valid file by name is the network, whatever is broken before it", "[netcni][networks]") {
  Node node;
  node.files.add_plugin("first");
  node.files.add_conf("00-ignored.txt", plain_network("other"));
  node.files.add_conf("05-broken.conflist", "{");
  node.files.add_conf("06-list-in-conf.conf", plain_network("other"));
  std::filesystem::create_directory(node.files.conf_dir() + "/07-folder.conf");
  REQUIRE(::mkfifo((node.files.conf_dir() + "/08-fifo.conflist").c_str(), 0600) == 0);
  std::filesystem::create_symlink("nowhere", node.files.conf_dir() + "/09-dangling.conf");
  node.files.add_conf("10-single.json", R"({"cniVersion":"0.4.0","name":"single","type":"first"})");
  node.files.add_conf("20-late.conflist", plain_network("late"));
  node.open();
  CHECK(why_not_ready(node).empty());
  CHECK(node.networks->network_name() == "single");
}

TEST_CASE("when every file is broken the first one's defect is the reason", "[netcni][networks]") {
  Node node;
  node.files.add_conf("1.conflist", "{");
  node.files.add_conf("2.conflist", "[]");
  node.open();
  CHECK_THAT(why_not_ready(node), Catch::Contains("no usable network configuration") &&
                                      Catch::Contains("1.conflist: not valid JSON"));
}

TEST_CASE("readiness follows the directory both ways without a restart", "[netcni][watcher]") {
  Node node;
  node.files.add_plugin("first");
  std::filesystem::remove(node.files.conf_dir());
  node.open();
  CHECK_FALSE(node.networks->ready());

  std::filesystem::create_directory(node.files.conf_dir());
  node.files.add_conf("10.conflist", plain_network("one"));
  REQUIRE(becomes_ready(node));
  CHECK(node.networks->network_name() == "one");

  node.files.add_conf("new", plain_network("two"));
  std::filesystem::rename(node.files.conf_dir() + "/new", node.files.conf_dir() + "/05.conflist");
  CHECK(becomes([&] { return node.networks->network_name() == "two"; }));

  std::filesystem::remove(node.files.conf_dir() + "/05.conflist");
  CHECK(becomes([&] { return node.networks->network_name() == "one"; }));

  std::filesystem::remove_all(node.files.conf_dir());
  CHECK(becomes_unready(node));

  const std::string staged = node.files.root() + "/staged";
  std::filesystem::create_directory(staged);
  node.files.write(staged + "/10.conflist", plain_network("three"));
  std::filesystem::rename(staged, node.files.conf_dir());
  REQUIRE(becomes_ready(node));
  CHECK(node.networks->network_name() == "three");

  std::filesystem::remove(node.files.bin_dir() + "/first");
  CHECK(becomes_unready(node));
}

TEST_CASE("a directory far from existing is found when it is made", "[netcni][watcher]") {
  Node node;
  node.files.add_plugin("first");
  auto reactor = Reactor::start();
  REQUIRE(reactor);
  Networks::Options options = node.files.options();
  options.conf_dir = node.files.root() + "/not/yet/there";
  auto networks = Networks::open(options, **reactor);
  REQUIRE(networks);
  std::filesystem::create_directories(options.conf_dir);
  node.files.write(options.conf_dir + "/1.conflist", plain_network("found"));
  CHECK(becomes([&] { return (*networks)->network_name() == "found"; }));
}

TEST_CASE("directories that plugins could not be told of are refused", "[netcni][networks]") {
  auto reactor = Reactor::start();
  REQUIRE(reactor);
  CHECK_FALSE(Networks::open({"net.d", {"/bin"}, std::chrono::seconds(1)}, **reactor));
  CHECK_FALSE(Networks::open({"/net.d", {"/a:b"}, std::chrono::seconds(1)}, **reactor));
  CHECK_FALSE(Networks::open({"/net.d", {}, std::chrono::seconds(1)}, **reactor));
}

TEST_CASE("each plugin sees the result of the one before, and all are undone when one fails",
          "[netcni][chain]") {
  Node node;
  node.files.add_plugin("first");
  node.files.add_plugin("second");
  node.files.add_plugin("third");
  node.files.script("second", "ADD", R"(echo '{"code":100,"msg":"boom"}'; exit 1)");
  node.files.script("third", "DEL", "exit 9");
  node.files.add_conf(
      "1.conflist",
      R"({"cniVersion":"1.0.0","name":"n","plugins":[{"type":"first"},{"type":"second"},{"type":"third"}]})");
  node.open();
  const auto attachment = node.networks->attach(pod_request(), {});
  REQUIRE_FALSE(attachment);
  CHECK(attachment.error().to_string() == "network \"n\": plugin \"second\": ADD: boom (code 100)");
  CHECK(Json::parse(node.files.stdin_of("second", "ADD"))["prevResult"] ==
        Json::parse(FakeNode::pod_result()));
  // The third one's failure to clean up does not keep the others from it.
  CHECK(node.files.calls() == "first ADD\nsecond ADD\nthird DEL\nsecond DEL\nfirst DEL\n");
}

TEST_CASE("detaching uses what attaching used, whatever the directory says by then", "[netcni][chain]") {
  Node node;
  node.files.add_plugin("first");
  node.files.add_plugin("second");
  node.files.add_conf("1.conflist", FakeNode::two_plugins());
  node.open();
  const auto attachment = node.networks->attach(pod_request(), {});
  REQUIRE(attachment);
  CHECK(attachment->ips == std::vector<std::string>{"10.1.0.5", "fd00::5"});
  std::filesystem::remove(node.files.conf_dir() + "/1.conflist");
  const auto stored = attachment_from_json(to_json(*attachment));
  REQUIRE(stored);
  REQUIRE(node.networks->detach(*stored));
  REQUIRE(node.networks->detach(*stored));
  CHECK(node.files.calls() == "first ADD\nsecond ADD\nsecond DEL\nfirst DEL\nsecond DEL\nfirst DEL\n");
  CHECK(Json::parse(node.files.stdin_of("first", "DEL"))["name"] == "podnet");
}

TEST_CASE("a pod whose attachment was lost is detached with the present configuration and its addresses",
          "[netcni][chain]") {
  for (const char* version : {"0.4.0", "1.0.0"}) {
    INFO(version);
    Node node;
    node.files.add_plugin("first");
    node.files.add_conf("1.conflist", std::string(R"({"cniVersion":")") + version +
                                          R"(","name":"podnet","plugins":[{"type":"first"}]})");
    node.open();
    const auto planned = node.networks->plan(pod_request(), {"10.1.2.3", "fd00::3"});
    REQUIRE(planned);
    REQUIRE(attachment_from_json(to_json(*planned)));
    CHECK(node.files.calls().empty());
    REQUIRE(node.networks->detach(*planned));
    CHECK(node.files.calls() == "first DEL\n");
    CHECK_THAT(node.files.env_of("first", "DEL"), Catch::Contains("CNI_CONTAINERID=0123abcd\n"));
    const Json prev = Json::parse(node.files.stdin_of("first", "DEL"))["prevResult"];
    CHECK(prev["ips"][0]["address"] == "10.1.2.3/32");
    CHECK(prev["ips"][1]["address"] == "fd00::3/128");
    CHECK(prev["ips"][1].contains("version") == (std::string(version) == "0.4.0"));
    CHECK(prev["interfaces"][0]["name"] == "eth0");
    const auto nameless = node.networks->plan(pod_request(), {});
    REQUIRE(nameless);
    CHECK(nameless->result_json.empty());
  }
}

TEST_CASE("a failed DEL stops there, is reported, and can be repeated", "[netcni][chain]") {
  Node node;
  node.files.add_plugin("first");
  node.files.add_plugin("second");
  node.files.add_conf("1.conflist", FakeNode::two_plugins());
  node.open();
  const auto attachment = node.networks->attach(pod_request(), {});
  REQUIRE(attachment);
  node.files.script("second", "DEL", R"(echo '{"code":11,"msg":"busy"}'; exit 1)");
  const auto first_try = node.networks->detach(*attachment);
  REQUIRE_FALSE(first_try);
  CHECK(first_try.error().to_string() == "network \"podnet\": plugin \"second\": DEL: busy (code 11)");
  std::filesystem::remove(node.files.bin_dir() + "/second.DEL.do");
  CHECK(node.networks->detach(*attachment));
}

TEST_CASE("plugins are told of a vanished network namespace by an empty CNI_NETNS", "[netcni][chain]") {
  Node node;
  node.files.add_plugin("first");
  node.files.add_conf("1.conflist", plain_network("n"));
  node.files.write(node.files.root() + "/left-behind", "");
  node.open();
  AttachRequest request = pod_request();
  for (const std::string netns : {"/no-such-namespace", "/left-behind"}) {
    request.netns = node.files.root() + netns;
    const auto attachment = node.networks->attach(request, {});
    REQUIRE(attachment);
    REQUIRE(node.networks->detach(*attachment));
    CHECK_THAT(node.files.env_of("first", "ADD"), Catch::Contains("CNI_NETNS=" + request.netns + "\n"));
    CHECK_THAT(node.files.env_of("first", "DEL"), Catch::Contains("CNI_NETNS=\n"));
  }
}

TEST_CASE("CHECK is run only where the spec knows it and the list allows it", "[netcni][chain]") {
  const auto calls_of_check = [](const std::string& version, const std::string& disable) {
    Node node;
    node.files.add_plugin("first");
    node.files.add_conf("1.conflist", R"({"cniVersion":")" + version + R"(","name":"n","disableCheck":)" +
                                          disable + R"(,"plugins":[{"type":"first"}]})");
    node.open();
    const auto attachment = node.networks->attach(pod_request(), {});
    REQUIRE(attachment);
    REQUIRE(node.networks->check(*attachment));
    return node.files.calls();
  };
  CHECK(calls_of_check("1.0.0", "false") == "first ADD\nfirst CHECK\n");
  CHECK(calls_of_check("0.4.0", "false") == "first ADD\nfirst CHECK\n");
  CHECK(calls_of_check("0.3.1", "false") == "first ADD\n");
  CHECK(calls_of_check("1.0.0", "true") == "first ADD\n");
}

TEST_CASE("before spec 0.4.0 plugins get no prevResult on DEL", "[netcni][chain]") {
  Node node;
  node.files.add_plugin("first");
  node.files.add_conf("1.conf", R"({"cniVersion":"0.3.1","name":"n","type":"first"})");
  node.open();
  const auto attachment = node.networks->attach(pod_request(), {});
  REQUIRE(attachment);
  REQUIRE(node.networks->detach(*attachment));
  CHECK_FALSE(Json::parse(node.files.stdin_of("first", "DEL")).contains("prevResult"));
}

TEST_CASE("a network that gives no address is attached without one", "[netcni][chain]") {
  Node node;
  node.files.add_plugin("first", R"({"cniVersion":"1.0.0"})");
  node.files.add_conf("1.conflist", plain_network("n"));
  node.open();
  const auto attachment = node.networks->attach(pod_request(), {});
  REQUIRE(attachment);
  CHECK(attachment->ips.empty());
}

TEST_CASE("damaged attachment records are refused when they are loaded", "[netcni][attachment]") {
  Node node;
  node.files.add_plugin("first");
  node.files.add_conf("1.conflist", plain_network("n"));
  node.open();
  const auto attachment = node.networks->attach(pod_request(), {});
  REQUIRE(attachment);
  const std::string good = to_json(*attachment);
  const auto restored = attachment_from_json(good);
  REQUIRE(restored);
  CHECK(to_json(*restored) == good);

  CHECK_FALSE(attachment_from_json(""));
  CHECK_FALSE(attachment_from_json("[]"));
  CHECK_FALSE(attachment_from_json(good.substr(0, good.size() / 2)));
  const auto with = [&](const std::string& key, const Json& value) {
    Json changed = Json::parse(good);
    changed[key] = value;
    return attachment_from_json(changed.dump());
  };
  CHECK_FALSE(with("schema", 2));
  CHECK_FALSE(with("schema", "1"));
  CHECK_FALSE(with("ips", "10.1.0.5"));
  CHECK_FALSE(with("ips", Json::array({"10.1.0.5/24"})));
  CHECK_FALSE(with("ips", Json::array({7})));
  CHECK_FALSE(with("conflist", plain_network("n", "../../bin/sh")));
  CHECK_FALSE(with("conflist", Json::object()));
  CHECK_FALSE(with("result", "garbage"));
  CHECK_FALSE(with("args", "{}"));
}

}  // namespace
}  // namespace berth::netcni
