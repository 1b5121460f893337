// SPDX-License-Identifier: Apache-2.0
// One handler per request of shim_protocol.h.

#include "pid1/requests.h"

#include <errno.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include "pid1/exit_record.h"
#include "pid1/launch.h"
#include "pid1/log_news.h"
#include "pid1/message.h"
#include "pid1/pause.h"
#include "pid1/sys.h"

namespace berth::pid1 {
namespace {

using shim::Type;

void hello(Shim& shim, const Request& request) {
  const shim::Hello& asked = request.hello;
  const bool common = asked.version_min <= shim::kVersionMax && asked.version_max >= shim::kVersionMin;
  const uint16_t version = asked.version_max < shim::kVersionMax ? asked.version_max : shim::kVersionMax;
  const shim::HelloReply reply = {
      version, 0, ::getpid(), shim.start_time, shim.pod.pause.pid, shim.pod.initialised ? 1u : 0u};
  shim.control.reply(request.header.seq, common ? 0 : EPROTONOSUPPORT, shim::kNoOp, &reply, sizeof reply);
}

int signal_object(Shim& shim, const shim::SignalRequest& request) {
  Object* object = shim.objects.find(request.id);
  if (object == nullptr) return ENOENT;
  // A zombie accepts signals; the caller wants to know that they are pointless.
  if (!object->is_alive() || object->ending) return ESRCH;
  // Whoever is not born yet ends with its midwife.
  const Fd& process = object->pidfd.is_open() ? object->pidfd : object->delivery.midwife();
  return sys::error_of(sys::pidfd_send_signal(process.get(), request.signal_number));
}

void reopen_log(Shim& shim, const Request& request) {
  Object* object = shim.objects.find(request.object.id);
  const int err = object == nullptr || !object->has_log ? ENOENT : object->log.reopen();
  if (err != 0) return void(shim.control.reply(request.header.seq, err));
  object->reopen_seq = request.header.seq;
  await_opening(shim, *object);
}

int remove_object(Shim& shim, const shim::ObjectRequest& request) {
  Object* object = shim.objects.find(request.id);
  if (object == nullptr) return ENOENT;
  if (object->is_alive()) return EBUSY;
  if (!object->is_exec()) remove_exit_record(shim.directory.get(), request.id);
  shim.objects.remove(*object);
  return 0;
}

void list(Shim& shim, uint64_t seq) {
  for (uint32_t i = 0; i < shim.objects.limit(); ++i) {
    Object* object = shim.objects.at(i);
    if (object == nullptr) continue;
    const shim::ObjectState state = object->state();
    if (!shim.control.list_item(seq, state)) return;
    // That was the news of an exec's end which could not be sent when it happened.
    if (object->is_exec() && !object->is_alive()) shim.objects.remove(*object);
  }
  shim.control.reply(seq, 0);
}

int resize(Shim& shim, const shim::ResizeRequest& request) {
  const Object* object = shim.objects.find(request.id);
  if (object == nullptr) return ENOENT;
  const Stream& stream = object->streams[0];
  if (!stream.is_terminal || !stream.fd.is_open()) return ENOTTY;
  winsize size = {};
  size.ws_row = request.rows;
  size.ws_col = request.columns;
  return sys::error_of(::ioctl(stream.fd.get(), TIOCSWINSZ, &size));
}

void attach(Shim& shim, const Request& request, Packet& packet) {
  const uint64_t seq = request.header.seq;
  Object* object = shim.objects.find(request.attach.id);
  int err = object == nullptr || object->is_exec() ? ENOENT : object->is_alive() ? 0 : ESRCH;
  if (err == 0)
    err = shim.followers.add(shim, *object, packet.take(request.attach.out_fd),
                             packet.take(request.attach.err_fd));
  if (err != 0) return void(shim.control.reply(seq, err));
  const Stream& stream = object->streams[0];
  const Fd& input = stream.is_terminal ? stream.fd : object->stdin_pipe;
  object->stdin_attached = object->stdin_attached || object->stdin_pipe.is_open();
  shim.control.reply(seq, 0, shim::kNoOp, nullptr, 0, input.is_open() ? input.get() : -1);
}

int end_stdin(Shim& shim, const shim::ObjectRequest& request) {
  Object* object = shim.objects.find(request.id);
  if (object == nullptr) return ENOENT;
  object->stdin_pipe.reset();
  return 0;
}

void shut_down(Shim& shim, uint64_t seq) {
  for (uint32_t i = 0; i < shim.objects.limit(); ++i) {
    const Object* object = shim.objects.at(i);
    if (object != nullptr && object->is_alive() && !object->is_exec()) {
      shim.control.reply(seq, EBUSY);
      return;
    }
  }
  end_pause(shim);
  ::unlinkat(shim.directory.get(), "shim.sock", 0);
  shim.control.reply(seq, 0);
  shim.leaving = true;
}

void start(Shim& shim, const Request& request) {
  Object* object = shim.objects.find(request.object.id);
  const int err = object == nullptr ? ENOENT : start_object(shim, *object, request.header.seq);
  if (err != 0) shim.control.reply(request.header.seq, err);
}

void handle(Shim& shim, const Request& request, Packet& packet) {
  const uint64_t seq = request.header.seq;
  switch (request.header.type) {
    case Type::kHello:
      return hello(shim, request);
    case Type::kInitPod:
      return init_pod(shim, request, packet);
    case Type::kLaunch:
      return launch_object(shim, request, packet);
    case Type::kStart:
      return start(shim, request);
    case Type::kSignal:
      return void(shim.control.reply(seq, signal_object(shim, request.signal)));
    case Type::kReopenLog:
      return reopen_log(shim, request);
    case Type::kRemove:
      return void(shim.control.reply(seq, remove_object(shim, request.object)));
    case Type::kList:
      return list(shim, seq);
    case Type::kShutdown:
      return shut_down(shim, seq);
    case Type::kAttach:
      return attach(shim, request, packet);
    case Type::kEndStdin:
      return void(shim.control.reply(seq, end_stdin(shim, request.object)));
    case Type::kResize:
      return void(shim.control.reply(seq, resize(shim, request.resize)));
    default:
      return void(shim.control.reply(seq, EOPNOTSUPP));
  }
}

}  // namespace

void serve_control(Shim& shim) {
  if (!shim.control.is_connected()) return;
  Packet packet;
  switch (packet.receive(shim.control.socket())) {
    case Packet::Outcome::kNothing:
      return;
    case Packet::Outcome::kGone:
      return shim.control.drop();
    case Packet::Outcome::kPacket:
      break;
  }
  Request request;
  const int err = parse_request(packet.bytes(), packet.size(), packet.fd_count(), request);
  // Whoever cannot even write a header is no daemon.
  if (err == EBADMSG) return shim.control.drop();
  if (err != 0 || packet.is_truncated()) {
    shim.control.reply(request.header.seq, packet.is_truncated() ? EPROTO : err);
    return;
  }
  handle(shim, request, packet);
}

}  // namespace berth::pid1
