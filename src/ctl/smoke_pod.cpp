// SPDX-License-Identifier: Apache-2.0
#include "ctl/smoke_pod.hpp"

#include <fcntl.h>
#include <poll.h>
#include <unistd.h>

#include <chrono>
#include <cstdlib>
#include <iostream>

#include "base/cat.hpp"
#include "base/dir.hpp"
#include "base/remove_tree.hpp"
#include "ctl/cri_json.hpp"

namespace berth::ctl {
namespace {

constexpr std::size_t kMaxLog = 1 << 20;
constexpr std::chrono::seconds kLogPatience{10};
constexpr int kStopTimeout = 10;  // seconds; it needs none of them

Result<void> write_json(const std::string& path, const google::protobuf::Message& message) {
  ASSIGN_OR_RETURN(const UniqueFd fd, open_at(kCwd, path, O_WRONLY | O_CREAT | O_EXCL, 0600));
  return write_fd(fd.get(), to_pretty_json(message), path);
}

}  // namespace

SmokePod::SmokePod(Client& client, std::string image, bool host_network)
    : client_(client), image_(std::move(image)) {
  const std::string unique =
      cat(::getpid(), "-", std::chrono::steady_clock::now().time_since_epoch().count());
  pod_.mutable_metadata()->set_name(cat("berth-smoke-", ::getpid()));
  pod_.mutable_metadata()->set_namespace_("default");
  pod_.mutable_metadata()->set_uid(unique);
  auto* options = pod_.mutable_linux()->mutable_security_context()->mutable_namespace_options();
  options->set_network(host_network ? cri::NODE : cri::POD);
  options->set_pid(cri::CONTAINER);
  if (!host_network) pod_.set_hostname("berth-smoke");
  container_.mutable_metadata()->set_name("smoke");
  container_.mutable_image()->set_image(image_);
  for (const std::string& word :
       {std::string("/bin/sh"), std::string("-c"),
        cat("trap 'exit ", kStopStatus, "' TERM; echo '", kLine, "'; sleep 3600 & wait")}) {
    container_.add_command(word);
  }
  container_.set_log_path("smoke.log");
  *container_.mutable_linux()->mutable_security_context()->mutable_namespace_options() = *options;
}

SmokePod::~SmokePod() {
  for (const auto& undone : {stop_pod(), remove_pod()}) {
    if (!undone) std::cerr << "berthctl: clean up: " << undone.error().to_string() << "\n";
  }
  if (!dir_.empty()) (void)remove_tree(dir_);
}

Result<void> SmokePod::make_files() {
  std::string pattern = "/tmp/berth-smoke-XXXXXX";
  if (::mkdtemp(pattern.data()) == nullptr) return Error::from_errno(errno, "make directory", pattern);
  dir_ = pattern;
  pod_.set_log_directory(dir_);
  RETURN_IF_ERROR(write_json(pod_file(), pod_));
  return write_json(container_file(), container_);
}

Result<void> SmokePod::ensure_image() {
  cri::ImageStatusRequest look;
  look.mutable_image()->set_image(image_);
  ASSIGN_OR_RETURN(const auto found, client_.call(look));
  if (found.has_image()) return {};
  cri::PullImageRequest pull;
  pull.mutable_image()->set_image(image_);
  RETURN_IF_ERROR(client_.call(pull));
  return {};
}

Result<void> SmokePod::run() {
  cri::RunPodSandboxRequest request;
  *request.mutable_config() = pod_;
  ASSIGN_OR_RETURN(const auto answer, client_.call(request));
  pod_id_ = answer.pod_sandbox_id();
  return {};
}

Result<void> SmokePod::create() {
  cri::CreateContainerRequest request;
  request.set_pod_sandbox_id(pod_id_);
  *request.mutable_config() = container_;
  *request.mutable_sandbox_config() = pod_;
  ASSIGN_OR_RETURN(const auto answer, client_.call(request));
  container_id_ = answer.container_id();
  return {};
}

Result<void> SmokePod::start() {
  cri::StartContainerRequest request;
  request.set_container_id(container_id_);
  RETURN_IF_ERROR(client_.call(request));
  return {};
}

Result<void> SmokePod::await_log() {
  const auto deadline = std::chrono::steady_clock::now() + kLogPatience;
  // A line of the CRI's format: "TIME stdout F TEXT".
  const std::string wanted = cat(" stdout F ", kLine, "\n");
  std::string log;
  while (std::chrono::steady_clock::now() < deadline) {
    if (exists(log_file())) {
      ASSIGN_OR_RETURN(log, read_file(log_file(), kMaxLog));
    }
    if (log.find(wanted) != std::string::npos) return {};
    constexpr int kPauseMs = 2;
    (void)::poll(nullptr, 0, kPauseMs);
  }
  return Error(Code::kDeadlineExceeded,
               cat("the container's line is not in ", log_file(), ", which is \"", log, "\""));
}

Result<void> SmokePod::exec() {
  cri::ExecSyncRequest request;
  request.set_container_id(container_id_);
  for (const char* word : {"/bin/sh", "-c", "echo out; echo err >&2; exit 3"}) request.add_cmd(word);
  request.set_timeout(30);
  ASSIGN_OR_RETURN(const auto answer, client_.call(request));
  if (answer.exit_code() == 3 && answer.stdout() == "out\n" && answer.stderr() == "err\n") return {};
  return Error(Code::kInternal,
               cat("a command that prints out and err and exits with 3 was said to exit with ",
                   answer.exit_code(), " after \"", answer.stdout(), "\" and \"", answer.stderr(), "\""));
}

Result<void> SmokePod::stats() {
  cri::ContainerStatsRequest request;
  request.set_container_id(container_id_);
  ASSIGN_OR_RETURN(const auto answer, client_.call(request));
  if (!answer.stats().has_cpu() || !answer.stats().cpu().has_usage_core_nano_seconds()) {
    return Error(Code::kInternal, "the statistics of a running container have no CPU time");
  }
  if (answer.stats().memory().working_set_bytes().value() > 0) return {};
  return Error(Code::kInternal, "the statistics of a running container have no memory");
}

Result<void> SmokePod::stop() {
  cri::StopContainerRequest request;
  request.set_container_id(container_id_);
  request.set_timeout(kStopTimeout);
  RETURN_IF_ERROR(client_.call(request));
  cri::ContainerStatusRequest look;
  look.set_container_id(container_id_);
  ASSIGN_OR_RETURN(const auto answer, client_.call(look));
  if (answer.status().state() == cri::CONTAINER_EXITED && answer.status().exit_code() == kStopStatus)
    return {};
  return Error(Code::kInternal,
               cat("the container should have ended with ", kStopStatus, " on SIGTERM, but its exit code is ",
                   answer.status().exit_code(), " (", answer.status().reason(), ")"));
}

Result<void> SmokePod::remove_container() {
  cri::RemoveContainerRequest request;
  request.set_container_id(container_id_);
  RETURN_IF_ERROR(client_.call(request));
  container_id_.clear();
  return {};
}

Result<void> SmokePod::stop_pod() {
  if (pod_id_.empty()) return {};
  cri::StopPodSandboxRequest request;
  request.set_pod_sandbox_id(pod_id_);
  RETURN_IF_ERROR(client_.call(request));
  return {};
}

Result<void> SmokePod::remove_pod() {
  if (pod_id_.empty()) return {};
  cri::RemovePodSandboxRequest request;
  request.set_pod_sandbox_id(pod_id_);
  RETURN_IF_ERROR(client_.call(request));
  pod_id_.clear();
  return {};
}

}  // namespace berth::ctl
