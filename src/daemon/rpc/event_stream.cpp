// SPDX-License-Identifier: Apache-2.0
#include "daemon/rpc/event_stream.hpp"

namespace berth::daemon::rpc {

EventStream* EventStream::start(Services& with, Lane& lane) {
  auto* stream = new EventStream(lane);
  stream->turn_.lock()->busy = true;  // nobody may run it before its reader is here
  auto reader = EventReader::open(with, [stream] { stream->wake(); });
  if (reader) {
    stream->reader_ = *std::move(reader);
    stream->post();
  } else {
    stream->end(std::move(reader).error());
  }
  return stream;
}

void EventStream::wake() {
  {
    auto turn = turn_.lock();
    if (turn->busy) {
      turn->again = true;
      return;
    }
    turn->busy = true;
  }
  post();
}

void EventStream::post() {
  // The lane has a place for each stream; where no thread is to be had, the next event tries again.
  if (!lane_.try_post([this] { run(); })) turn_.lock()->busy = false;
}

/// True when there is nothing to do until somebody wakes us.
bool EventStream::rest() {
  auto turn = turn_.lock();
  turn->busy = turn->again;
  turn->again = false;
  return !turn->busy;
}

void EventStream::run() {
  do {
    if (turn_.lock()->gone) return leave();
    auto next = reader_->next();
    if (!next) return end(std::move(next).error());
    if (event_ = *std::move(next); event_) return StartWrite(event_.get());
  } while (!rest());
}

/// Busy for ever: no further turn comes.
void EventStream::end(const Result<void>& done) {
  Finish(outcome_.record(done));
}

/// That a client goes is how a stream usually ends: no failure.
void EventStream::leave() {
  (void)outcome_.record({});
  Finish(grpc::Status::CANCELLED);
}

void EventStream::OnWriteDone(bool ok) {
  if (!ok) turn_.lock()->gone = true;
  post();
}

void EventStream::OnCancel() {
  turn_.lock()->gone = true;
  wake();
}

}  // namespace berth::daemon::rpc
