// SPDX-License-Identifier: Apache-2.0
// The CRI as JSON, for scripts: one call per program
//     cri_call unix:///run/berth/berth.sock RunPodSandbox '{"config": ...}'
// or, without a method, one per line of stdin, concurrently:
//     {"id": 1, "method": "Version", "timeout": 10, "request": {}}
// answered in order of completion by
//     {"id": 1, "code": "OK", "message": "", "seconds": 0.002, "response": {...}}
// The messages of a stream come before that, as {"id": 1, "more": true, "response": {...}}.
// Field names are those of api.proto; bytes are base64.
#include <google/protobuf/descriptor.h>
#include <google/protobuf/dynamic_message.h>
#include <google/protobuf/util/json_util.h>

#include <condition_variable>
#include <iostream>
#include <mutex>
#include <nlohmann/json.hpp>

#include "api.pb.h"
#include "cri_client.hpp"

namespace {

using berth::testing::CriClient;
using berth::testing::Outcome;
using google::protobuf::Message;

const google::protobuf::MethodDescriptor* find_method(const std::string& name) {
  const auto* file = runtime::v1::VersionRequest::descriptor()->file();
  for (int i = 0; i < file->service_count(); ++i) {
    if (const auto* method = file->service(i)->FindMethodByName(name)) return method;
  }
  return nullptr;
}

std::unique_ptr<Message> new_message(const google::protobuf::Descriptor* type) {
  auto* factory = google::protobuf::MessageFactory::generated_factory();
  return std::unique_ptr<Message>(factory->GetPrototype(type)->New());
}

nlohmann::json to_json(const Message& message) {
  google::protobuf::util::JsonPrintOptions options;
  options.always_print_primitive_fields = true;
  options.preserve_proto_field_names = true;
  std::string text;
  if (!google::protobuf::util::MessageToJsonString(message, &text, options).ok()) return nullptr;
  return nlohmann::json::parse(text, nullptr, false);
}

/// Counts calls in flight, and keeps answers whole lines.
class Answers {
 public:
  void begin() {
    const std::lock_guard lock(mutex_);
    ++open_;
  }
  void print(const nlohmann::json& answer) {
    const std::string text = answer.dump(-1, ' ', false, nlohmann::json::error_handler_t::replace);
    const std::lock_guard lock(mutex_);
    std::cout << text << std::endl;
  }
  void finish(const nlohmann::json& answer) {
    print(answer);
    const std::lock_guard lock(mutex_);
    failed_ = failed_ || answer.at("code") != "OK";
    --open_;
    idle_.notify_all();
  }
  void wait_idle() {
    std::unique_lock lock(mutex_);
    idle_.wait(lock, [this] { return open_ == 0; });
  }
  bool failed() const { return failed_; }

 private:
  std::mutex mutex_;
  std::condition_variable idle_;
  int open_ = 0;
  bool failed_ = false;
};

void begin_call(const CriClient& client, const nlohmann::json& line, Answers& answers) {
  using Clock = std::chrono::steady_clock;
  answers.begin();
  nlohmann::json answer = {{"id", line.value("id", 0)}, {"message", ""}};
  const auto* method = find_method(line.value("method", ""));
  std::string problem = method == nullptr ? "there is no such method" : "";
  std::unique_ptr<Message> request;
  if (method != nullptr) {
    request = new_message(method->input_type());
    const std::string text = line.contains("request") ? line.at("request").dump() : "{}";
    const auto parsed = google::protobuf::util::JsonStringToMessage(text, request.get());
    if (!parsed.ok()) problem = "request: " + std::string(parsed.message());
  }
  if (!problem.empty()) {
    answer["code"] = "BAD_CALL";
    answer["message"] = problem;
    answers.finish(answer);
    return;
  }
  const std::chrono::milliseconds timeout(static_cast<long>(line.value("timeout", 60.0) * 1000));
  auto take = [id = answer["id"], method, &answers](const std::string& bytes) {
    auto response = new_message(method->output_type());
    if (response->ParseFromString(bytes))
      answers.print({{"id", id}, {"more", true}, {"response", to_json(*response)}});
  };
  auto done = [answer, method, &answers, began = Clock::now()](const Outcome& outcome,
                                                               const std::string& bytes) mutable {
    answer["code"] = outcome.code;
    answer["message"] = outcome.message;
    answer["seconds"] = std::chrono::duration<double>(Clock::now() - began).count();
    auto response = new_message(method->output_type());
    if (outcome.ok() && response->ParseFromString(bytes)) answer["response"] = to_json(*response);
    answers.finish(answer);
  };
  if (method->server_streaming()) {
    client.start_stream(method->name(), *request, timeout, std::move(take), std::move(done));
  } else {
    client.start(method->name(), *request, timeout, std::move(done));
  }
}

}  // namespace

int main(int argc, char** argv) {
  if (argc < 2) {
    std::cerr << "usage: cri_call unix:///SOCKET [METHOD [JSON]]\n";
    return 2;
  }
  const CriClient client(argv[1]);
  Answers answers;
  if (argc > 2) {
    const auto request = nlohmann::json::parse(argc > 3 ? argv[3] : "{}", nullptr, false);
    begin_call(client, {{"method", argv[2]}, {"request", request}}, answers);
  } else {
    std::string line;
    while (std::getline(std::cin, line)) {
      const auto parsed = nlohmann::json::parse(line, nullptr, false);
      if (parsed.is_object()) begin_call(client, parsed, answers);
    }
  }
  answers.wait_idle();
  return answers.failed() ? 1 : 0;
}
