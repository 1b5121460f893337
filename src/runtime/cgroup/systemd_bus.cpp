// SPDX-License-Identifier: Apache-2.0
#include "runtime/cgroup/systemd_bus.hpp"

#include <map>
#include <utility>

#include "base/cat.hpp"
#include "base/dir.hpp"
#include "runtime/cgroup/dbus_connection.hpp"

namespace berth::runtime::cgroup {
namespace {

constexpr std::string_view kPath = "/org/freedesktop/systemd1";
constexpr std::string_view kInterface = "org.freedesktop.systemd1.Manager";
constexpr const char* kPrivateSocket = "/run/systemd/private";
constexpr const char* kBusSocket = "/run/dbus/system_bus_socket";
constexpr std::chrono::seconds kPatience{25};

Code code_of(std::string_view name) {
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

DbusCall manager_call(std::string_view member, std::string_view signature, DbusWriter body) {
  return {"org.freedesktop.systemd1", kPath, kInterface, member, signature, std::move(body)};
}

DbusCall broker_call(std::string_view member, std::string_view signature, DbusWriter body) {
  constexpr std::string_view kBroker = "org.freedesktop.DBus";
  return {kBroker, "/org/freedesktop/DBus", kBroker, member, signature, std::move(body)};
}

void put_value(DbusWriter& out, const UnitProperty::Value& value) {
  constexpr const char* kSignatures[] = {"b", "t", "s", "au", "ay"};
  out.signature(kSignatures[value.index()]);
  struct Put {
    DbusWriter& to;
    void operator()(bool flag) const { to.number32(flag ? 1 : 0); }
    void operator()(std::uint64_t number) const { to.number64(number); }
    void operator()(const std::string& text) const { to.string(text); }
    void operator()(const std::vector<std::uint32_t>& list) const {
      const std::size_t array = to.open_array(sizeof(std::uint32_t));
      for (const std::uint32_t number : list) to.number32(number);
      to.close_array(array);
    }
    void operator()(const std::vector<std::uint8_t>& list) const {
      const std::size_t array = to.open_array(1);
      for (const std::uint8_t number : list) to.byte(number);
      to.close_array(array);
    }
  };
  std::visit(Put{out}, value);
}

void put_properties(DbusWriter& out, const std::vector<UnitProperty>& properties) {
  const std::size_t array = out.open_array(8);
  for (const UnitProperty& property : properties) {
    out.align(8);
    out.string(property.name);
    put_value(out, property.value);
  }
  out.close_array(array);
}

/// Of a job that ended; empty for anything else.
std::pair<std::string, std::string> job_removed(const DbusMessage& message) {
  const bool about_jobs = message.kind == DbusMessage::Kind::kSignal && message.member == "JobRemoved" &&
                          message.interface == kInterface && message.signature == "uoss";
  if (!about_jobs) return {};
  DbusReader in(message.body);
  (void)in.number32();
  std::string job(in.string());
  (void)in.string();  // the unit
  std::string result(in.string());
  if (in.failed()) return {};
  return {std::move(job), std::move(result)};
}

/// What one call needs: a connection, and the jobs that have ended meanwhile, since a job may end before
/// the answer that names it.
class Flight {
 public:
  static Result<Flight> take_off(const std::string& socket_path) {
    const bool is_private = !socket_path.empty() || exists(kPrivateSocket);
    const std::string path = !socket_path.empty() ? socket_path : is_private ? kPrivateSocket : kBusSocket;
    const auto deadline = std::chrono::steady_clock::now() + kPatience;
    ASSIGN_OR_RETURN(DbusConnection connection, DbusConnection::open(path, deadline));
    Flight flight(std::move(connection));
    if (!is_private) RETURN_IF_ERROR(flight.introduce());
    return flight;
  }

  /// The first value of the answer, if that is a string or a path.
  Result<std::string> call(const DbusCall& call) {
    ASSIGN_OR_RETURN(const std::uint32_t serial, connection_.send(call));
    for (;;) {
      ASSIGN_OR_RETURN(const DbusMessage message, receive());
      const bool answers =
          message.kind == DbusMessage::Kind::kReturn || message.kind == DbusMessage::Kind::kError;
      if (!answers || message.reply_to != serial) continue;
      DbusReader in(message.body);
      const bool has_text = message.signature.starts_with("s") || message.signature.starts_with("o");
      std::string text(has_text ? in.string() : std::string_view());
      if (message.kind == DbusMessage::Kind::kReturn) return text;
      return Error(code_of(message.error), text);
    }
  }

  Result<void> wait_for_job(const std::string& job) {
    while (ended_.find(job) == ended_.end()) RETURN_IF_ERROR(receive());
    if (ended_[job] == "done") return {};
    return Error(Code::kInternal, cat("systemd's job ended as \"", ended_[job], "\""));
  }

 private:
  explicit Flight(DbusConnection connection) : connection_(std::move(connection)) {}

  /// A broker wants a greeting, and systemd sends signals over it only when somebody asked for them.
  Result<void> introduce() {
    RETURN_IF_ERROR(call(broker_call("Hello", "", {})));
    DbusWriter rule;
    rule.string(cat("type='signal',interface='", kInterface, "',member='JobRemoved'"));
    RETURN_IF_ERROR(call(broker_call("AddMatch", "s", std::move(rule))));
    RETURN_IF_ERROR(call(manager_call("Subscribe", "", {})));
    return {};
  }

  Result<DbusMessage> receive() {
    ASSIGN_OR_RETURN(DbusMessage message, connection_.receive());
    if (auto [job, result] = job_removed(message); !job.empty())
      ended_.insert_or_assign(std::move(job), std::move(result));
    return message;
  }

  DbusConnection connection_;
  std::map<std::string, std::string> ended_;
};

/// With `waits_for_job` the answer names a job, which is waited for.
Result<void> fly(const std::string& socket_path, const std::string& unit, const DbusCall& call,
                 bool waits_for_job) {
  const auto whole = [&]() -> Result<void> {
    ASSIGN_OR_RETURN(Flight flight, Flight::take_off(socket_path));
    ASSIGN_OR_RETURN(const std::string answer, flight.call(call));
    return waits_for_job ? flight.wait_for_job(answer) : Result<void>();
  };
  return whole().context(cat("systemd ", call.member, " ", unit));
}

}  // namespace

Result<SystemdBus> SystemdBus::connect(const std::string& socket_path) {
  auto flight = Flight::take_off(socket_path);
  if (flight) return SystemdBus(socket_path);
  return std::move(std::move(flight)
                       .context("reach systemd for cgroup driver \"systemd\"")
                       .error()
                       .recode(Code::kFailedPrecondition));
}

Result<void> SystemdBus::start_unit(const std::string& unit,
                                    const std::vector<UnitProperty>& properties) const {
  DbusWriter body;
  body.string(unit);
  body.string("replace");
  put_properties(body, properties);
  body.close_array(body.open_array(8));  // no units beside it
  return fly(socket_path_, unit, manager_call("StartTransientUnit", "ssa(sv)a(sa(sv))", std::move(body)),
             true);
}

Result<void> SystemdBus::stop_unit(const std::string& unit) const {
  DbusWriter body;
  body.string(unit);
  body.string("replace");
  return fly(socket_path_, unit, manager_call("StopUnit", "ss", std::move(body)), true);
}

Result<void> SystemdBus::set_properties(const std::string& unit,
                                        const std::vector<UnitProperty>& properties) const {
  DbusWriter body;
  body.string(unit);
  body.number32(1);  // at run time only
  put_properties(body, properties);
  return fly(socket_path_, unit, manager_call("SetUnitProperties", "sba(sv)", std::move(body)), false);
}

Result<void> SystemdBus::reset_failed(const std::string& unit) const {
  DbusWriter body;
  body.string(unit);
  auto reset = fly(socket_path_, unit, manager_call("ResetFailedUnit", "s", std::move(body)), false);
  if (!reset && reset.error().code() == Code::kNotFound) return {};
  return reset;
}

}  // namespace berth::runtime::cgroup
