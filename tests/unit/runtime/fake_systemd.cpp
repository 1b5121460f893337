// SPDX-License-Identifier: Apache-2.0
#include "fake_systemd.hpp"

#include <poll.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <systemd/sd-bus.h>

#include <atomic>
#include <cstring>
#include <stdexcept>
#include <thread>

#include "base/cat.hpp"
#include "base/guarded.hpp"
#include "base/unique_fd.hpp"

namespace berth::testing {
namespace {

constexpr const char* kInterface = "org.freedesktop.systemd1.Manager";

template <class Number>
std::string list_text(sd_bus_message* message, char type) {
  const void* data = nullptr;
  std::size_t size = 0;
  if (sd_bus_message_read_array(message, type, &data, &size) < 0) return "?";
  std::string text;
  for (std::size_t i = 0; i < size / sizeof(Number); ++i) {
    Number number = 0;
    std::memcpy(&number, static_cast<const char*>(data) + i * sizeof(Number), sizeof(Number));
    text += cat(text.empty() ? "" : ",", std::to_string(number));
  }
  return text;
}

std::string value_text(sd_bus_message* message, const char* type) {
  if (std::strcmp(type, "au") == 0) return list_text<std::uint32_t>(message, 'u');
  if (std::strcmp(type, "ay") == 0) return list_text<std::uint8_t>(message, 'y');
  int flag = 0;
  std::uint64_t number = 0;
  const char* text = "?";
  switch (*type) {
    case 'b':
      sd_bus_message_read_basic(message, 'b', &flag);
      return flag != 0 ? "true" : "false";
    case 't':
      sd_bus_message_read_basic(message, 't', &number);
      return number == UINT64_MAX ? "max" : std::to_string(number);
    default:
      sd_bus_message_read_basic(message, 's', &text);
      return text;
  }
}

/// " Name=value" for each; the first process of PIDs goes to `pid`.
std::string properties_text(sd_bus_message* message, int& pid) {
  std::string out;
  if (sd_bus_message_enter_container(message, 'a', "(sv)") < 0) return " no properties";
  while (sd_bus_message_enter_container(message, 'r', "sv") > 0) {
    const char* name = nullptr;
    sd_bus_message_read_basic(message, 's', &name);
    const std::string property = name;
    char type = 0;
    const char* contents = nullptr;
    sd_bus_message_peek_type(message, &type, &contents);
    const std::string signature = contents;
    sd_bus_message_enter_container(message, 'v', signature.c_str());
    const std::string value = value_text(message, signature.c_str());
    if (property == "PIDs") pid = std::atoi(value.c_str());
    out += cat(" ", property, "=", property == "PIDs" ? "PID" : value);
    sd_bus_message_exit_container(message);
    sd_bus_message_exit_container(message);
  }
  sd_bus_message_exit_container(message);
  return out;
}

}  // namespace

struct FakeSystemd::State {
  std::string path;
  Behaviour behaviour;
  UniqueFd listener;
  Guarded<std::vector<std::string>> calls;
  std::atomic<int> errors_left{0};
  std::atomic<bool> hang_up{false};
  bool gone = false;  // of the connection that is served
  unsigned job = 0;
  std::jthread thread;  // last: it uses the rest

  void serve(const std::stop_token& stop);
  void serve_one(const std::stop_token& stop, int fd);
  int answer(sd_bus_message* call);
  static int on_message(sd_bus_message* message, void* state, sd_bus_error*) {
    std::uint8_t type = 0;
    sd_bus_message_get_type(message, &type);
    return type == SD_BUS_MESSAGE_METHOD_CALL ? static_cast<State*>(state)->answer(message) : 0;
  }
};

int FakeSystemd::State::answer(sd_bus_message* call) {
  const std::string member = sd_bus_message_get_member(call);
  if (member == "Subscribe") return sd_bus_reply_method_return(call, nullptr);
  const char* unit = nullptr;
  const char* mode = nullptr;
  int runtime = 0;
  int pid = 0;
  std::string text = member;
  sd_bus_message_read_basic(call, 's', &unit);
  const std::string name = unit;
  text += cat(" ", name);
  const bool job_call = member == "StartTransientUnit" || member == "StopUnit";
  if (job_call) sd_bus_message_read_basic(call, 's', &mode);
  if (member == "SetUnitProperties") sd_bus_message_read_basic(call, 'b', &runtime);
  if (member == "StartTransientUnit" || member == "SetUnitProperties") text += properties_text(call, pid);
  calls.lock()->push_back(text);
  if (hang_up.exchange(false)) {
    gone = true;
    return 1;
  }
  if (!behaviour.error.empty() && errors_left != 0) {
    if (errors_left > 0) --errors_left;
    return sd_bus_reply_method_errorf(call, behaviour.error.c_str(), "as the test wants it");
  }
  if (behaviour.started && member == "StartTransientUnit") behaviour.started(name, pid);
  if (!job_call) return sd_bus_reply_method_return(call, nullptr);
  const std::string job_path = cat("/org/freedesktop/systemd1/job/", ++job);
  sd_bus* bus = sd_bus_message_get_bus(call);
  const auto signal = [&] {
    return sd_bus_emit_signal(bus, "/org/freedesktop/systemd1", kInterface, "JobRemoved", "uoss", job,
                              job_path.c_str(), name.c_str(), behaviour.job_result.c_str());
  };
  if (behaviour.job_before_reply) signal();
  const int replied = sd_bus_reply_method_return(call, "o", job_path.c_str());
  return behaviour.job_before_reply ? replied : signal();
}

void FakeSystemd::State::serve_one(const std::stop_token& stop, int fd) {
  sd_bus* bus = nullptr;
  sd_id128_t id{};
  id.bytes[0] = 1;
  sd_bus_new(&bus);
  sd_bus_set_fd(bus, fd, fd);
  sd_bus_set_server(bus, 1, id);
  sd_bus_set_anonymous(bus, 1);
  sd_bus_add_filter(bus, nullptr, on_message, this);
  int step = sd_bus_start(bus);
  gone = false;
  while (step >= 0 && !gone && !stop.stop_requested()) {
    step = sd_bus_process(bus, nullptr);
    if (step == 0) step = sd_bus_wait(bus, 20000);  // microseconds: how often `stop` is looked at
  }
  sd_bus_flush(bus);
  sd_bus_close_unref(bus);
}

void FakeSystemd::State::serve(const std::stop_token& stop) {
  while (!stop.stop_requested()) {
    pollfd waiting{listener.get(), POLLIN, 0};
    if (::poll(&waiting, 1, 20) <= 0) continue;
    const int fd = ::accept4(listener.get(), nullptr, nullptr, SOCK_CLOEXEC | SOCK_NONBLOCK);
    if (fd < 0) continue;
    serve_one(stop, fd);
  }
}

FakeSystemd::FakeSystemd(const std::string& socket_path) : FakeSystemd(socket_path, Behaviour()) {}

FakeSystemd::FakeSystemd(const std::string& socket_path, Behaviour behaviour)
    : state_(std::make_unique<State>()) {
  state_->path = socket_path;
  state_->errors_left = behaviour.errors;
  state_->hang_up = behaviour.hang_up;
  state_->behaviour = std::move(behaviour);
  state_->listener.reset(::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0));
  sockaddr_un name{};
  name.sun_family = AF_UNIX;
  if (socket_path.size() >= sizeof name.sun_path) throw std::runtime_error("the socket's path is too long");
  std::copy(socket_path.begin(), socket_path.end(), name.sun_path);
  if (::bind(state_->listener.get(), reinterpret_cast<sockaddr*>(&name), sizeof name) != 0 ||
      ::listen(state_->listener.get(), 8) != 0) {
    throw std::runtime_error("no socket for the fake systemd");
  }
  state_->thread = std::jthread([state = state_.get()](const std::stop_token& stop) { state->serve(stop); });
}

FakeSystemd::~FakeSystemd() = default;

std::string FakeSystemd::address() const {
  return state_->path;
}

std::vector<std::string> FakeSystemd::calls() const {
  return *state_->calls.lock();
}

}  // namespace berth::testing
