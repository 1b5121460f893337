// SPDX-License-Identifier: Apache-2.0
#include <future>

#include "spec_bundle.hpp"

#include <fcntl.h>
#include <unistd.h>

#include <chrono>
#include <csignal>
#include <cstdio>
#include <filesystem>
#include <sstream>

#include "base/cat.hpp"
#include "base/dir.hpp"
#include "runtime/mount_tree.hpp"
#include "runtime/oci/spec_json.hpp"

namespace berth::testing {
namespace {

using namespace runtime;
using namespace std::chrono_literals;

constexpr const char* kConfig = R"({
  "ociVersion": "1.3.0",
  "root": {"path": "root"},
  "hostname": "spec-test",
  "process": {
    "args": ["/bin/sh", "-c", ""],
    "env": ["PATH=/bin"],
    "cwd": "/",
    "user": {"uid": 0, "gid": 0},
    "noNewPrivileges": true,
    "capabilities": {"bounding": ["CAP_CHOWN", "CAP_SYS_ADMIN"], "permitted": ["CAP_CHOWN", "CAP_SYS_ADMIN"],
                     "effective": ["CAP_CHOWN", "CAP_SYS_ADMIN"]}
  },
  "mounts": [
    {"destination": "/proc", "type": "proc", "source": "proc"},
    {"destination": "/dev", "type": "tmpfs", "source": "tmpfs", "options": ["nosuid", "mode=755"]},
    {"destination": "/dev/pts", "type": "devpts", "source": "devpts", "options": ["newinstance", "ptmxmode=0666"]}
  ],
  "linux": {
    "namespaces": [{"type": "pid"}, {"type": "mount"}, {"type": "uts"}, {"type": "ipc"}]
  }
})";

ShimClient::Deadline soon() {
  return std::chrono::steady_clock::now() + 30s;
}

template <class T>
T must(Result<T> result) {
  if (!result) throw std::runtime_error(result.error().to_string());
  return *std::move(result);
}

/// "2026-01-01T00:00:00.0Z stdout F text": the text, joined where a line was cut.
std::string without_prefixes(const std::string& log) {
  std::istringstream lines(log);
  std::string text;
  for (std::string line; std::getline(lines, line);) {
    const auto stream = line.find(' ');
    const auto tag = line.find(' ', stream + 1);
    if (tag == std::string::npos || tag + 3 > line.size()) continue;
    text.append(line.substr(tag + 3));
    if (line[tag + 1] == 'F') text.push_back('\n');
  }
  return text;
}

std::string id_of(unsigned number) {
  char digits[65];
  std::snprintf(digits, sizeof digits, "%064x", number);
  return digits;
}

}  // namespace

Bundle::Bundle()
    : tree_{{"pod/", ""},      {"log/", ""},       {"attach/", ""},   {"root/bin/", ""}, {"root/etc/", ""},
            {"root/tmp/", ""}, {"root/proc/", ""}, {"root/sys/", ""}, {"root/dev/", ""}},
      binary_(must(ShimBinary::load(BERTH_PID1, {}))),
      reactor_(must(Reactor::start())) {
  std::filesystem::copy_file("/bin/busybox", path("root/bin/busybox"));
  for (const char* tool :
       {"sh",    "cat",    "echo", "ls",       "id",    "stat",     "grep", "hostname", "uname",
        "touch", "mount",  "cut",  "readlink", "sleep", "nproc",    "test", "chown",    "head",
        "wc",    "ulimit", "awk",  "mkdir",    "ip",    "ifconfig", "sort"}) {
    std::filesystem::create_symlink("busybox", path(cat("root/bin/", tool)));
  }
  // Whoever is mapped into a container has to find his way to its files.
  std::filesystem::permissions(tree_.root(), std::filesystem::perms(0755));
  options.attach_dir = path("attach");
  options.bundle = tree_.root();
  if (auto spawned = binary_.spawn(path("pod"), STDERR_FILENO); !spawned)
    throw std::runtime_error(spawned.error().to_string());
  connect();
  process_ = client_->process();
}

Bundle::~Bundle() {
  client_.reset();
  if (const auto pidfd = open_process(process_)) (void)signal_process(pidfd->get(), SIGKILL);
}

void Bundle::connect() {
  ShimClient::Events events;
  events.exited = [this](const shim::ObjectState& state) { exited_->set_value(state.exit.exit_code); };
  client_ = must(ShimClient::connect(path("pod"), *reactor_, std::move(events)));
}

Result<LaunchPlan> Bundle::plan(const std::string& config) {
  ASSIGN_OR_RETURN(const oci::Spec spec, oci::parse_spec(config));
  CompileOptions wanted = options;
  wanted.container_id = id_of(runs_);
  SeccompCompiler compiler;
  if (spec.linux_.seccomp) {
    ASSIGN_OR_RETURN(wanted.seccomp, compiler.compile(*spec.linux_.seccomp));
  }
  ASSIGN_OR_RETURN(auto compiled, compile_container(spec, wanted));
  PlanResources resources;
  ASSIGN_OR_RETURN(resources.rootfs, clone_tree(path(spec.root.path), true));
  return materialise(std::move(*compiled), std::move(resources));
}

Outcome Bundle::run(const std::string& script, const std::string& patch) {
  ++runs_;
  Outcome outcome;
  Json config = must(parse_json(kConfig, 1 << 20, "config"));
  config["process"]["args"][2] = script;
  config.merge_patch(must(parse_json(patch, 1 << 20, "patch")));
  auto ready = plan(to_text(config));
  if (!ready) {
    outcome.error = ready.error().to_string();
    return outcome;
  }
  outcome.warnings = ready->warnings;
  ShimClient::LaunchRequest request;
  request.id = id_of(runs_);
  const auto labels = ready->labels;
  request.plan = *std::move(ready);
  request.log_dir = must(open_at(kCwd, path("log"), O_RDONLY | O_DIRECTORY));
  request.log_name = cat(runs_, ".log");
  exited_ = std::make_unique<std::promise<int>>();
  const auto launched = client_->launch(std::move(request), soon());
  if (!launched) {
    outcome.error = launched.error().to_string();
    return outcome;
  }
  const auto started = client_->start(id_of(runs_), labels, soon());
  if (!started) outcome.error = started.error().to_string();
  outcome.exit_code = exited_->get_future().get();
  outcome.output = without_prefixes(tree_.read(cat("log/", runs_, ".log")));
  (void)client_->forget(id_of(runs_));
  return outcome;
}

}  // namespace berth::testing
