// SPDX-License-Identifier: Apache-2.0
// Plugins as programs: what they are told, and what becomes of what they say.
#include <catch2/catch.hpp>
#include <csignal>
#include <cstdlib>
#include <fstream>
#include <string>
#include <thread>

#include "fake_node.hpp"
#include "netcni/chain.hpp"
#include "netcni/result.hpp"

namespace berth::netcni {
namespace {

using test::FakeNode;
using test::pod_request;

/// One ADD of a network of one fake plugin.
class OnePlugin {
 public:
  OnePlugin() { node.add_plugin("first"); }
  Result<Json> add(std::chrono::milliseconds timeout = std::chrono::seconds(20),
                   std::stop_token cancel = {}) {
    const PluginHost host{{node.bin_dir()}, timeout};
    const auto list =
        parse_conflist(R"({"cniVersion":"1.0.0","name":"podnet","plugins":[{"type":"first"}]})", "x");
    const auto arguments = arguments_of(pod_request());
    REQUIRE(list);
    REQUIRE(arguments);
    return Chain(host, *list, *arguments).add(std::move(cancel));
  }
  std::string reason() {
    const auto result = add();
    return result ? "" : result.error().to_string();
  }
  FakeNode node;
};

std::string replaced(std::string text, const std::string& from, const std::string& to) {
  for (std::size_t at = text.find(from); at != std::string::npos; at = text.find(from, at + to.size())) {
    text.replace(at, from.size(), to);
  }
  return text;
}

Json lines(const std::string& text) {
  Json list = Json::array();
  for (std::size_t at = 0; at < text.size();) {
    const std::size_t end = text.find('\n', at);
    list.push_back(text.substr(at, end - at));
    at = end + 1;
  }
  return list;
}

/// Compares with a golden file; BERTH_ACCEPT=1 rewrites it.
void check_golden(const std::string& name, const std::string& text) {
  const std::string path = std::string(GOLDEN_DIR) + "/" + name;
  if (std::getenv("BERTH_ACCEPT") != nullptr) std::ofstream(path) << text;
  std::ifstream file(path);
  CHECK(std::string(std::istreambuf_iterator<char>(file), {}) == text);
}

bool alive(pid_t pid) {
  return ::kill(pid, 0) == 0;
}

/// Waits for a condition that has to come true, for as long as a loaded machine may need.
template <class Condition>
bool becomes_true(Condition condition) {
  for (int i = 0; i < 2000; ++i) {
    if (condition()) return true;
    std::this_thread::sleep_for(std::chrono::milliseconds(5));
  }
  return false;
}

TEST_CASE("plugins are told what the golden files say, for each verb", "[netcni][golden]") {
  test::Node node;
  node.files.add_plugin("first");
  node.files.add_plugin("second", R"({"cniVersion":"1.0.0","ips":[{"address":"10.1.0.9/24"}]})");
  node.files.add_conf("10-pod.conflist", R"({"cniVersion":"1.0.0","name":"podnet","plugins":[
    {"type":"first","bridge":"br0","capabilities":{"dns":true,"bandwidth":true,"cgroupPath":true}},
    {"type":"second","capabilities":{"portMappings":true,"io.kubernetes.cri.pod-annotations":true}}]})");
  node.open();
  AttachRequest request = pod_request();
  request.port_mappings = {{"tcp", 80, 8080, "192.0.2.1"}};
  request.annotations = {{"kubernetes.io/egress-bandwidth", "10M"}, {"team", "a"}};
  request.dns_servers = {"10.0.0.10"};
  request.dns_searches = {"svc.cluster.local"};
  request.cgroup_parent = "/kubepods/pod1";
  const auto attachment = node.networks->attach(request, {});
  REQUIRE(attachment);
  CHECK(attachment->ips == std::vector<std::string>{"10.1.0.9"});
  REQUIRE(node.networks->check(*attachment));
  REQUIRE(node.networks->detach(*attachment));
  for (const std::string verb : {"ADD", "CHECK", "DEL"}) {
    Json told = Json::object();
    for (const std::string plugin : {"first", "second"}) {
      told[plugin]["stdin"] = Json::parse(node.files.stdin_of(plugin, verb));
      told[plugin]["env"] = lines(replaced(node.files.env_of(plugin, verb), node.files.root(), "$NODE"));
    }
    check_golden(verb + ".json", told.dump(2) + "\n");
  }
  CHECK(node.files.calls() == "first ADD\nsecond ADD\nfirst CHECK\nsecond CHECK\nsecond DEL\nfirst DEL\n");
}

TEST_CASE("a plugin's own error is passed on with its code", "[netcni][plugin]") {
  OnePlugin plugin;
  plugin.node.script(
      "first", "ADD",
      R"(echo '{"cniVersion":"1.0.0","code":7,"msg":"bad subnet","details":"10.0/99"}'; exit 1)");
  CHECK(plugin.reason() == "network \"podnet\": plugin \"first\": ADD: bad subnet: 10.0/99 (code 7)");
  plugin.node.script("first", "ADD", R"(echo '{"code":11,"msg":"no address free"}'; exit 1)");
  CHECK(plugin.add().error().code() == Code::kUnavailable);
}

TEST_CASE("garbage on stdout becomes an error with a printable excerpt", "[netcni][plugin]") {
  OnePlugin plugin;
  plugin.node.script("first", "ADD", R"(printf 'pan\033ic\nat 0x1'; exit 0)");
  CHECK_THAT(plugin.reason(),
             Catch::Contains("not valid JSON") && Catch::Contains("it printed \"pan.ic at 0x1\""));
  plugin.node.script("first", "ADD", R"(printf 'pan\377ic'; echo 'stack' >&2; exit 3)");
  CHECK_THAT(
      plugin.reason(),
      Catch::Contains("exit status 3 without a CNI error on stdout, but \"pan.ic\"; stderr: \"stack\""));
  plugin.node.script("first", "ADD", "exit 0");
  CHECK_THAT(plugin.reason(), Catch::Contains("it printed \"\""));
  plugin.node.script("first", "ADD", "kill -11 $$");
  CHECK_THAT(plugin.reason(), Catch::Contains("killed by signal 11"));
}

TEST_CASE("a plugin that prints without end is refused", "[netcni][plugin]") {
  OnePlugin plugin;
  plugin.node.script("first", "ADD", "head -c 3000000 /dev/zero | tr '\\0' ' '; echo '{}'");
  CHECK_THAT(plugin.reason(), Catch::Contains("printed more than 1048576 bytes"));
}

TEST_CASE("a plugin that hangs is killed with its children at the deadline", "[netcni][plugin]") {
  OnePlugin plugin;
  const std::string pid_file = plugin.node.root() + "/child";
  plugin.node.script(
      "first", "ADD",
      "sleep 600 & echo $! > " + pid_file + ".new; mv " + pid_file + ".new " + pid_file + "; wait");
  Error error(Code::kInternal, "");
  // On a loaded machine the plugin may not have come to its child within the deadline: then once more, with a
  // longer one.
  auto timeout = std::chrono::milliseconds(300);
  const auto start = std::chrono::steady_clock::now();
  for (; plugin.node.read(pid_file).empty() && timeout.count() < 20'000; timeout *= 2) {
    const auto result = plugin.add(timeout);
    REQUIRE_FALSE(result);
    error = result.error();
  }
  CHECK(error.code() == Code::kDeadlineExceeded);
  CHECK_THAT(error.to_string(), Catch::Contains("did not end in time"));
  CHECK(std::chrono::steady_clock::now() - start < std::chrono::seconds(120));
  const pid_t child = std::stoi(plugin.node.read(pid_file));
  CHECK(becomes_true([&] { return !alive(child); }));
}

TEST_CASE("a cancelled attachment kills the plugin and is undone", "[netcni][plugin]") {
  OnePlugin plugin;
  plugin.node.script("first", "ADD", "sleep 600");
  std::stop_source cancel;
  std::jthread canceller([&] {
    becomes_true([&] { return plugin.node.calls() == "first ADD\n"; });
    cancel.request_stop();
  });
  const auto result = plugin.add(std::chrono::seconds(500), cancel.get_token());
  REQUIRE_FALSE(result);
  CHECK(result.error().code() == Code::kCancelled);
  CHECK(plugin.node.calls() == "first ADD\nfirst DEL\n");
}

TEST_CASE("only regular executable files in the plugin directories are plugins", "[netcni][plugin]") {
  FakeNode node;
  const auto reason = [&](const std::string& type) {
    const auto found = find_plugin({"/no/such", node.bin_dir()}, type);
    return found ? "" : found.error().to_string();
  };
  CHECK(reason("bridge") == "no executable \"bridge\" in /no/such, " + node.bin_dir());
  node.write(node.bin_dir() + "/bridge", "not executable");
  CHECK_FALSE(reason("bridge").empty());
  std::filesystem::create_directory(node.bin_dir() + "/folder");
  CHECK_FALSE(reason("folder").empty());
  CHECK_THAT(reason("../bin/bridge"), Catch::Contains("invalid plugin type"));
  node.add_plugin("good");
  CHECK(reason("good").empty());
}

}  // namespace
}  // namespace berth::netcni
