// SPDX-License-Identifier: Apache-2.0
#include "runtime/cgroup/systemd_bus.hpp"

#include <systemd/sd-bus.h>

#include <condition_variable>
#include <functional>
#include <map>
#include <optional>
#include <utility>

#include "base/cat.hpp"
#include "base/dir.hpp"
#include "base/guarded.hpp"
#include "base/log.hpp"
#include "base/reactor.hpp"

namespace berth::runtime::cgroup {
// Named, because SystemdBus::State has members of these types.
namespace systemd_wire {

constexpr const char* kService = "org.freedesktop.systemd1";
constexpr const char* kPath = "/org/freedesktop/systemd1";
constexpr const char* kInterface = "org.freedesktop.systemd1.Manager";
constexpr const char* kPrivateSocket = "/run/systemd/private";
constexpr std::chrono::seconds kPatience{25};

struct UnrefMessage {
  void operator()(sd_bus_message* message) const { sd_bus_message_unref(message); }
};
using Message = std::unique_ptr<sd_bus_message, UnrefMessage>;

struct CloseBus {
  void operator()(sd_bus* bus) const { sd_bus_close_unref(bus); }
};
using Bus = std::unique_ptr<sd_bus, CloseBus>;

/// One call, from its caller's thread to systemd and back.
class Flight {
 public:
  Flight(std::string call, std::string unit, bool makes_job)
      : method(std::move(call)), subject(std::move(unit)), waits_for_job(makes_job) {}

  void land(Result<void> result) {
    {
      auto outcome = outcome_.lock();
      if (!*outcome) *outcome = std::move(result);
    }
    landed_.notify_all();
  }
  Result<void> wait() {
    auto outcome = outcome_.lock();
    const auto done = [&] { return outcome->has_value(); };
    if (landed_.wait_for(outcome.lock(), kPatience, done)) return **outcome;
    return Error(Code::kDeadlineExceeded,
                 cat(story(), ": systemd has not finished within ", kPatience.count(), " s"));
  }
  std::string story() const {
    return subject.empty() ? cat("systemd ", method) : cat("systemd ", method, " ", subject);
  }

  const std::string method;
  const std::string subject;
  const bool waits_for_job;  ///< done with the job that the reply names

 private:
  Guarded<std::optional<Result<void>>> outcome_;
  std::condition_variable landed_;
};
using FlightPtr = std::shared_ptr<Flight>;
/// Appends a call's arguments; 0 or minus an errno.
using Arguments = std::function<int(sd_bus_message*)>;

static Code code_of(std::string_view name) {
  constexpr std::pair<std::string_view, Code> kKnown[] = {
      {"org.freedesktop.systemd1.UnitExists", Code::kAlreadyExists},
      {"org.freedesktop.systemd1.NoSuchUnit", Code::kNotFound},
      {"org.freedesktop.systemd1.BadUnitSetting", Code::kInvalidArgument},
      {"org.freedesktop.DBus.Error.InvalidArgs", Code::kInvalidArgument},
      {"org.freedesktop.DBus.Error.PropertyReadOnly", Code::kInvalidArgument},
      {"org.freedesktop.DBus.Error.UnknownProperty", Code::kInvalidArgument},
      {"org.freedesktop.DBus.Error.AccessDenied", Code::kPermissionDenied},
      {"org.freedesktop.DBus.Error.NoReply", Code::kUnavailable},
      {"org.freedesktop.DBus.Error.Disconnected", Code::kUnavailable},
  };
  for (const auto& [known, code] : kKnown) {
    if (known == name) return code;
  }
  return Code::kInternal;
}

static std::string_view text_of(const char* text) {
  return text == nullptr ? std::string_view() : std::string_view(text);
}

static const char* signature_of(const UnitProperty::Value& value) {
  constexpr const char* kSignatures[] = {"b", "t", "s", "au", "ay"};
  return kSignatures[value.index()];
}

static int append_value(sd_bus_message* message, const UnitProperty::Value& value) {
  struct Append {
    sd_bus_message* to;
    int operator()(bool flag) const {
      const int wide = flag ? 1 : 0;
      return sd_bus_message_append_basic(to, 'b', &wide);
    }
    int operator()(std::uint64_t number) const { return sd_bus_message_append_basic(to, 't', &number); }
    int operator()(const std::string& text) const {
      return sd_bus_message_append_basic(to, 's', text.c_str());
    }
    int operator()(const std::vector<std::uint32_t>& list) const {
      return sd_bus_message_append_array(to, 'u', list.data(), list.size() * sizeof(std::uint32_t));
    }
    int operator()(const std::vector<std::uint8_t>& list) const {
      return sd_bus_message_append_array(to, 'y', list.data(), list.size());
    }
  };
  return std::visit(Append{message}, value);
}

// Its errors stick to the message, and the last call reports them.
static int append_properties(sd_bus_message* message, const std::vector<UnitProperty>& properties) {
  sd_bus_message_open_container(message, 'a', "(sv)");
  for (const UnitProperty& property : properties) {
    sd_bus_message_open_container(message, 'r', "sv");
    sd_bus_message_append_basic(message, 's', property.name.c_str());
    sd_bus_message_open_container(message, 'v', signature_of(property.value));
    const int appended = append_value(message, property.value);
    if (appended < 0) return appended;
    sd_bus_message_close_container(message);
    sd_bus_message_close_container(message);
  }
  return sd_bus_message_close_container(message);
}

}  // namespace systemd_wire
using namespace systemd_wire;

/// All of it but the waiting happens on the reactor's thread, since sd-bus knows no locks.
struct SystemdBus::State {
  std::string address;
  Bus bus;
  Reactor::Token token = 0;
  int watched = 0;
  std::map<std::uint64_t, FlightPtr> replies_due;  ///< by cookie
  std::map<std::string, FlightPtr> jobs_due;       ///< by the job's path
  std::map<std::string, std::string> jobs_done;    ///< ended before the reply that names them
  std::unique_ptr<Reactor> reactor;                ///< last: gone before what its callbacks use

  Result<void> fly(const FlightPtr& flight, Arguments arguments);
  void take_off(const FlightPtr& flight, const Arguments& arguments);
  int send(const FlightPtr& flight, const Arguments& arguments);
  int open();
  void pump();
  void watch();
  void lose(int err);
  void end_job(const FlightPtr& flight, const std::string& result);
  void take_reply(sd_bus_message* reply);
  void take_job(const char* path, const char* result);

  static int on_reply(sd_bus_message* reply, void* state, sd_bus_error*) {
    static_cast<State*>(state)->take_reply(reply);
    return 0;
  }
  static int on_job(sd_bus_message* signal, void* state, sd_bus_error*) {
    std::uint32_t id = 0;
    const char* path = nullptr;
    const char* unit = nullptr;
    const char* result = nullptr;
    if (sd_bus_message_read(signal, "uoss", &id, &path, &unit, &result) >= 0)
      static_cast<State*>(state)->take_job(path, result);
    return 0;
  }
};

int SystemdBus::State::open() {
  sd_bus* made = nullptr;
  if (const int err = sd_bus_new(&made); err < 0) return err;
  Bus fresh(made);
  std::string where = address;
  if (where.empty() && exists(kPrivateSocket)) where = cat("unix:path=", kPrivateSocket);
  if (where.empty()) {
    where = "unix:path=/run/dbus/system_bus_socket";
    sd_bus_set_bus_client(made, 1);
  }
  sd_bus_set_address(made, where.c_str());
  if (const int err = sd_bus_start(made); err < 0) return err;
  const int matched = sd_bus_match_signal_async(made, nullptr, nullptr, kPath, kInterface, "JobRemoved",
                                                on_job, nullptr, this);
  if (matched < 0) return matched;
  bus = std::move(fresh);
  return 0;
}

void SystemdBus::State::watch() {
  const int wanted = sd_bus_get_events(bus.get());
  if (wanted < 0 || (wanted == watched && token != 0)) return;
  if (token != 0) reactor->remove(token);
  auto made = reactor->watch(sd_bus_get_fd(bus.get()), static_cast<std::uint32_t>(wanted),
                             [this](std::uint32_t) { pump(); });
  token = made ? *made : 0;
  watched = wanted;
}

void SystemdBus::State::pump() {
  int step = 1;
  while (bus && step > 0) step = sd_bus_process(bus.get(), nullptr);
  if (!bus) return;
  if (step < 0 || sd_bus_is_open(bus.get()) <= 0) return lose(step < 0 ? -step : ECONNRESET);
  watch();
}

void SystemdBus::State::lose(int err) {
  if (token != 0) reactor->remove(token);
  token = 0;
  bus.reset();
  std::vector<FlightPtr> lost;
  for (const auto& [cookie, flight] : std::exchange(replies_due, {})) lost.push_back(flight);
  for (const auto& [path, flight] : std::exchange(jobs_due, {})) lost.push_back(flight);
  jobs_done.clear();
  for (const FlightPtr& flight : lost) {
    flight->land(Error(Code::kUnavailable,
                       cat(flight->story(), ": the connection to systemd was lost: ", errno_text(err))));
  }
}

int SystemdBus::State::send(const FlightPtr& flight, const Arguments& arguments) {
  sd_bus_message* made = nullptr;
  int err =
      sd_bus_message_new_method_call(bus.get(), &made, kService, kPath, kInterface, flight->method.c_str());
  if (err < 0) return err;
  const Message message(made);
  err = arguments(made);
  if (err < 0) return err;
  // No timeout of sd-bus: the caller has its own.
  err = sd_bus_call_async(bus.get(), nullptr, made, on_reply, this, UINT64_MAX);
  if (err < 0) return err;
  std::uint64_t cookie = 0;
  err = sd_bus_message_get_cookie(made, &cookie);
  if (err < 0) return err;
  replies_due.emplace(cookie, flight);
  return 0;
}

void SystemdBus::State::take_off(const FlightPtr& flight, const Arguments& arguments) {
  int err = 0;
  if (!bus) {
    err = open();
    // The system bus sends a client only the signals that it has subscribed to.
    if (err >= 0) {
      err = send(std::make_shared<Flight>("Subscribe", "", false), [](sd_bus_message*) { return 0; });
    }
  }
  if (err >= 0) err = send(flight, arguments);
  if (err < 0) flight->land(Error::from_errno(-err, "call", flight->story()).recode(Code::kUnavailable));
  if (bus) pump();
}

void SystemdBus::State::take_reply(sd_bus_message* reply) {
  std::uint64_t cookie = 0;
  if (sd_bus_message_get_reply_cookie(reply, &cookie) < 0) return;
  const auto found = replies_due.find(cookie);
  if (found == replies_due.end()) return;
  const FlightPtr flight = found->second;
  replies_due.erase(found);
  if (const sd_bus_error* error = sd_bus_message_get_error(reply); error != nullptr) {
    flight->land(Error(code_of(text_of(error->name)), cat(flight->story(), ": ", text_of(error->message))));
  } else if (const char* path = nullptr; !flight->waits_for_job) {
    flight->land({});
  } else if (sd_bus_message_read(reply, "o", &path) < 0) {
    flight->land(Error(Code::kInternal, cat(flight->story(), ": systemd's answer names no job")));
  } else if (const auto done = jobs_done.find(path); done != jobs_done.end()) {
    end_job(flight, done->second);
  } else {
    jobs_due.emplace(path, flight);
  }
  if (replies_due.empty()) jobs_done.clear();
}

void SystemdBus::State::take_job(const char* path, const char* result) {
  const auto found = jobs_due.find(path);
  if (found != jobs_due.end()) {
    const FlightPtr flight = found->second;
    jobs_due.erase(found);
    return end_job(flight, result);
  }
  if (!replies_due.empty()) jobs_done[path] = result;
}

void SystemdBus::State::end_job(const FlightPtr& flight, const std::string& result) {
  if (result == "done") return flight->land({});
  flight->land(Error(Code::kInternal, cat(flight->story(), ": systemd's job ended as \"", result, "\"")));
}

Result<void> SystemdBus::State::fly(const FlightPtr& flight, Arguments arguments) {
  reactor->post([this, flight, arguments = std::move(arguments)] { take_off(flight, arguments); });
  return flight->wait();
}

SystemdBus::SystemdBus(std::unique_ptr<State> state) : state_(std::move(state)) {}

SystemdBus::~SystemdBus() {
  state_->reactor.reset();  // no callback runs any more
}

Result<std::unique_ptr<SystemdBus>> SystemdBus::connect(const std::string& address) {
  auto state = std::make_unique<State>();
  state->address = address;
  ASSIGN_OR_RETURN(state->reactor, Reactor::start());
  std::unique_ptr<SystemdBus> bus(new SystemdBus(std::move(state)));
  const auto flight = std::make_shared<Flight>("Subscribe", "", false);
  auto answered = bus->state_->fly(flight, [](sd_bus_message*) { return 0; });
  if (!answered) {
    return std::move(std::move(answered)
                         .context("reach systemd for cgroup driver \"systemd\"")
                         .error()
                         .recode(Code::kFailedPrecondition));
  }
  return bus;
}

Result<void> SystemdBus::start_unit(const std::string& unit, const std::vector<UnitProperty>& properties) {
  const auto flight = std::make_shared<Flight>("StartTransientUnit", unit, true);
  return state_->fly(flight, [unit, properties](sd_bus_message* message) {
    sd_bus_message_append(message, "ss", unit.c_str(), "replace");
    const int appended = append_properties(message, properties);
    return appended < 0 ? appended : sd_bus_message_append(message, "a(sa(sv))", 0);
  });
}

Result<void> SystemdBus::stop_unit(const std::string& unit) {
  const auto flight = std::make_shared<Flight>("StopUnit", unit, true);
  return state_->fly(flight, [unit](sd_bus_message* message) {
    return sd_bus_message_append(message, "ss", unit.c_str(), "replace");
  });
}

Result<void> SystemdBus::set_properties(const std::string& unit,
                                        const std::vector<UnitProperty>& properties) {
  const auto flight = std::make_shared<Flight>("SetUnitProperties", unit, false);
  return state_->fly(flight, [unit, properties](sd_bus_message* message) {
    sd_bus_message_append(message, "sb", unit.c_str(), 1);  // at run time only
    return append_properties(message, properties);
  });
}

Result<void> SystemdBus::reset_failed(const std::string& unit) {
  const auto flight = std::make_shared<Flight>("ResetFailedUnit", unit, false);
  auto reset = state_->fly(
      flight, [unit](sd_bus_message* message) { return sd_bus_message_append(message, "s", unit.c_str()); });
  if (!reset && reset.error().code() == Code::kNotFound) return {};
  return reset;
}

}  // namespace berth::runtime::cgroup
