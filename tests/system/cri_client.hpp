// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <google/protobuf/message.h>

#include <chrono>
#include <functional>
#include <memory>
#include <string>

namespace berth::testing {

/// How an RPC ended: gRPC's code by name ("OK", "NOT_FOUND", ...) and the server's sentence.
struct Outcome {
  std::string code;
  std::string message;
  bool ok() const { return code == "OK"; }
};

/// A CRI client for tests and benchmarks that names methods by text ("RunPodSandbox"), so that it
/// needs no generated stubs and reaches every RPC of both services. Any number of threads.
class CriClient {
 public:
  /// `socket` is "unix:///path". Connects lazily, and again after the server was restarted.
  explicit CriClient(const std::string& socket);
  ~CriClient();
  CriClient(const CriClient&) = delete;
  CriClient& operator=(const CriClient&) = delete;

  /// Blocks. `request` and `response` are the RPC's own messages.
  Outcome call(const std::string& method, const google::protobuf::Message& request,
               google::protobuf::Message& response, std::chrono::milliseconds timeout) const;
  /// Returns at once; `done` runs on a thread of gRPC with the response's bytes.
  void start(const std::string& method, const google::protobuf::Message& request,
             std::chrono::milliseconds timeout, std::function<void(Outcome, std::string)> done) const;
  /// The same for an RPC that streams its answer: `take` runs for each message, then `done` with no bytes.
  void start_stream(const std::string& method, const google::protobuf::Message& request,
                    std::chrono::milliseconds timeout, std::function<void(std::string)> take,
                    std::function<void(Outcome, std::string)> done) const;

 private:
  struct Channel;
  std::unique_ptr<Channel> channel_;
};

}  // namespace berth::testing
