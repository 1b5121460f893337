// SPDX-License-Identifier: Apache-2.0
#include "daemon/rpc/server.hpp"

#include <grpcpp/resource_quota.h>
#include <grpcpp/server.h>
#include <grpcpp/server_builder.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/cat.hpp"
#include "base/dir.hpp"
#include "daemon/rpc/admin_service.hpp"
#include "daemon/rpc/image_service.hpp"
#include "daemon/rpc/runtime_service.hpp"

namespace berth::daemon::rpc {
namespace {

constexpr int kMaxRequest = 16 << 20;   // what the kubelet's client sends at most
constexpr int kMaxResponse = 80 << 20;  // an ExecSync with two full streams
constexpr int kMaxStreams = 2048;       // calls in flight on one connection
constexpr std::size_t kMemoryQuota = 256 << 20;
constexpr std::chrono::seconds kStopPatience{2};

/// The socket is born with the mode it keeps: a chmod afterwards would leave a gap.
class SocketUmask {
 public:
  SocketUmask() : old_(::umask(0117)) {}
  SocketUmask(const SocketUmask&) = delete;
  SocketUmask& operator=(const SocketUmask&) = delete;
  ~SocketUmask() { ::umask(old_); }

 private:
  mode_t old_;
};

}  // namespace

struct Server::State {
  State(Services& with, std::string socket_path)
      : lanes(with.config),
        runtime(with, lanes),
        image(with, lanes),
        admin(with, lanes),
        path(std::move(socket_path)) {}
  Lanes lanes;
  RuntimeService runtime;
  ImageService image;
  AdminService admin;
  std::string path;
  std::unique_ptr<grpc::Server> server;
};

Server::Server(std::unique_ptr<State> state) : state_(std::move(state)) {}
Server::~Server() {
  stop();
}

Result<std::unique_ptr<Server>> Server::start(Services& with) {
  const std::string path = with.config.listen.substr(sizeof("unix://") - 1);
  RETURN_IF_ERROR(make_dirs(path.substr(0, path.rfind('/')), 0755));
  auto state = std::make_unique<State>(with, path);
  grpc::ServerBuilder builder;
  builder.AddListeningPort(cat("unix:", path), grpc::InsecureServerCredentials());
  builder.RegisterService(&state->runtime);
  builder.RegisterService(&state->image);
  builder.RegisterService(&state->admin);
  builder.SetMaxReceiveMessageSize(kMaxRequest);
  builder.SetMaxSendMessageSize(kMaxResponse);
  builder.AddChannelArgument(GRPC_ARG_MAX_CONCURRENT_STREAMS, kMaxStreams);
  grpc::ResourceQuota quota("berthd");
  quota.Resize(kMemoryQuota);
  builder.SetResourceQuota(quota);
  {
    const SocketUmask narrow;
    state->server = builder.BuildAndStart();
  }
  if (!state->server) return Error(Code::kInternal, cat("listen on ", path, ": the address cannot be used"));
  return std::unique_ptr<Server>(new Server(std::move(state)));
}

void Server::stop() {
  if (!state_->server) return;
  state_->server->Shutdown(std::chrono::system_clock::now() + kStopPatience);
  state_->server.reset();
  ::unlink(state_->path.c_str());
}

}  // namespace berth::daemon::rpc
