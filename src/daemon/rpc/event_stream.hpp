// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <grpcpp/support/server_callback.h>

#include <memory>

#include "base/guarded.hpp"
#include "base/lane.hpp"
#include "daemon/ops/events.hpp"
#include "daemon/rpc/outcome.hpp"

namespace berth::daemon::rpc {

/// One client of GetContainerEvents, until it goes, reads too slowly, or the daemon stops. Who makes events
/// only wakes it; a thread of the lane reads and writes, one event at a time.
class EventStream final : public grpc::ServerWriteReactor<cri::ContainerEventResponse> {
 public:
  /// `lane` must have room for each client that the event feed takes.
  static EventStream* start(Services& with, Lane& lane);

 private:
  /// One task at a time: while it is posted or a write is under way the stream is busy.
  struct Turn {
    bool busy = false;
    bool again = false;  ///< woken meanwhile
    bool gone = false;   ///< the client, or soon we ourselves
  };
  explicit EventStream(Lane& lane) : lane_(lane) {}
  void wake();
  void post();
  void run();
  bool rest();
  void end(const Result<void>& done);
  void leave();
  void OnWriteDone(bool ok) override;
  void OnCancel() override;
  void OnDone() override { delete this; }

  Lane& lane_;
  Outcome outcome_{"GetContainerEvents", true};
  Guarded<Turn> turn_;
  EventFeed::Event event_;  ///< being written
  std::unique_ptr<EventReader> reader_;
};

}  // namespace berth::daemon::rpc
