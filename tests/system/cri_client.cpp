// SPDX-License-Identifier: Apache-2.0
#include "cri_client.hpp"

#include <google/protobuf/descriptor.h>
#include <grpcpp/create_channel.h>
#include <grpcpp/generic/generic_stub.h>
#include <grpcpp/security/credentials.h>
#include <grpcpp/support/client_callback.h>

#include <array>
#include <future>

#include "api.pb.h"

namespace berth::testing {
namespace {

constexpr int kMaxMessage = 64 << 20;
constexpr std::array<const char*, 17> kCodes = {
    "OK",        "CANCELLED",      "UNKNOWN",           "INVALID_ARGUMENT",   "DEADLINE_EXCEEDED",
    "NOT_FOUND", "ALREADY_EXISTS", "PERMISSION_DENIED", "RESOURCE_EXHAUSTED", "FAILED_PRECONDITION",
    "ABORTED",   "OUT_OF_RANGE",   "UNIMPLEMENTED",     "INTERNAL",           "UNAVAILABLE",
    "DATA_LOSS", "UNAUTHENTICATED"};

std::string path_of(const std::string& method) {
  const auto* file = runtime::v1::VersionRequest::descriptor()->file();
  for (int i = 0; i < file->service_count(); ++i) {
    if (file->service(i)->FindMethodByName(method) != nullptr)
      return "/" + file->service(i)->full_name() + "/" + method;
  }
  return "/runtime.v1.RuntimeService/" + method;
}

grpc::ByteBuffer to_buffer(const google::protobuf::Message& message) {
  const grpc::Slice slice(message.SerializeAsString());
  return {&slice, 1};
}

std::string to_text(const grpc::ByteBuffer& buffer) {
  std::vector<grpc::Slice> slices;
  std::string text;
  if (!buffer.Valid() || !buffer.Dump(&slices).ok()) return text;
  for (const auto& slice : slices) text.append(reinterpret_cast<const char*>(slice.begin()), slice.size());
  return text;
}

std::shared_ptr<grpc::Channel> connect(const std::string& socket) {
  grpc::ChannelArguments arguments;
  arguments.SetMaxReceiveMessageSize(kMaxMessage);
  arguments.SetMaxSendMessageSize(kMaxMessage);
  arguments.SetInt("grpc.initial_reconnect_backoff_ms", 20);
  arguments.SetInt("grpc.min_reconnect_backoff_ms", 100);
  arguments.SetInt("grpc.max_reconnect_backoff_ms", 100);
  arguments.SetInt("grpc.use_local_subchannel_pool", 1);
  return grpc::CreateCustomChannel(socket, grpc::InsecureChannelCredentials(), arguments);
}

Outcome to_outcome(const grpc::Status& status) {
  const auto code = static_cast<std::size_t>(status.error_code());
  return {code < kCodes.size() ? kCodes[code] : "UNKNOWN", status.error_message()};
}

/// Deletes itself when its call has ended.
class StreamReader final : public grpc::ClientBidiReactor<grpc::ByteBuffer, grpc::ByteBuffer> {
 public:
  StreamReader(const google::protobuf::Message& request, std::chrono::milliseconds timeout,
               std::function<void(std::string)> take, std::function<void(Outcome, std::string)> done)
      : request_(to_buffer(request)), take_(std::move(take)), done_(std::move(done)) {
    context_.set_deadline(std::chrono::system_clock::now() + timeout);
  }
  void start(grpc::GenericStub& stub, const std::string& path) {
    stub.PrepareBidiStreamingCall(&context_, path, {}, this);
    StartWriteLast(&request_, {});
    StartRead(&message_);
    StartCall();
  }

 private:
  void OnReadDone(bool ok) override {
    if (!ok) return;
    take_(to_text(message_));
    StartRead(&message_);
  }
  void OnDone(const grpc::Status& status) override {
    done_(to_outcome(status), "");
    delete this;
  }

  grpc::ClientContext context_;
  grpc::ByteBuffer request_;
  grpc::ByteBuffer message_;
  std::function<void(std::string)> take_;
  std::function<void(Outcome, std::string)> done_;
};

}  // namespace

struct CriClient::Channel {
  explicit Channel(const std::string& socket) : stub(connect(socket)) {}
  grpc::GenericStub stub;
};

CriClient::CriClient(const std::string& socket) : channel_(std::make_unique<Channel>(socket)) {}
CriClient::~CriClient() = default;

void CriClient::start(const std::string& method, const google::protobuf::Message& request,
                      std::chrono::milliseconds timeout,
                      std::function<void(Outcome, std::string)> done) const {
  struct Call {
    grpc::ClientContext context;
    grpc::ByteBuffer request;
    grpc::ByteBuffer response;
  };
  auto call = std::make_shared<Call>();
  call->context.set_deadline(std::chrono::system_clock::now() + timeout);
  call->request = to_buffer(request);
  auto finished = [call, done = std::move(done)](const grpc::Status& status) {
    done(to_outcome(status), to_text(call->response));
  };
  channel_->stub.UnaryCall(&call->context, path_of(method), {}, &call->request, &call->response,
                           std::move(finished));
}

void CriClient::start_stream(const std::string& method, const google::protobuf::Message& request,
                             std::chrono::milliseconds timeout, std::function<void(std::string)> take,
                             std::function<void(Outcome, std::string)> done) const {
  (new StreamReader(request, timeout, std::move(take), std::move(done)))
      ->start(channel_->stub, path_of(method));
}

Outcome CriClient::call(const std::string& method, const google::protobuf::Message& request,
                        google::protobuf::Message& response, std::chrono::milliseconds timeout) const {
  std::promise<std::pair<Outcome, std::string>> promise;
  auto future = promise.get_future();
  start(method, request, timeout, [&promise](Outcome outcome, std::string bytes) {
    promise.set_value({std::move(outcome), std::move(bytes)});
  });
  auto [outcome, bytes] = future.get();
  if (outcome.ok() && !response.ParseFromString(bytes))
    return {"INTERNAL", "the response of " + method + " does not parse"};
  return outcome;
}

}  // namespace berth::testing
