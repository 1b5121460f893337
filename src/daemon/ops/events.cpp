// SPDX-License-Identifier: Apache-2.0
#include "daemon/ops/events.hpp"

#include "base/clock.hpp"
#include "daemon/ops/container_queries.hpp"
#include "daemon/ops/pod_queries.hpp"
#include "daemon/ops/stop_pod_sandbox.hpp"

namespace berth::daemon {
namespace {

cri::ContainerEventType type_of(EventStage stage) {
  switch (stage) {
    case EventStage::kStarted:
      return cri::CONTAINER_STARTED_EVENT;
    case EventStage::kStopped:
      return cri::CONTAINER_STOPPED_EVENT;
    case EventStage::kDeleted:
      return cri::CONTAINER_DELETED_EVENT;
    default:
      return cri::CONTAINER_CREATED_EVENT;
  }
}

/// A pod's own events bear its ID, too. `pod` is null when a container is the last that is left of it.
cri::ContainerEventResponse describe(Services& with, const PodPtr& pod, const std::string& id,
                                     EventStage stage) {
  cri::ContainerEventResponse event;
  event.set_container_id(id);
  event.set_container_event_type(type_of(stage));
  event.set_created_at(now_ns());
  if (!pod) return event;
  fill_pod_status(*pod, *event.mutable_pod_sandbox_status());
  fill_container_statuses(with, pod->id(), *event.mutable_containers_statuses());
  return event;
}

PodPtr pod_of(const Services& with, const Container& container) {
  auto pod = with.pods.find(container.record().pod_id);
  return pod ? *pod : nullptr;
}

void tell(Services& with, const PodPtr& pod, EventStage stage) {
  with.events.tell(pod->told, stage, [&] { return describe(with, pod, pod->id(), stage); });
}

void tell(Services& with, const ContainerPtr& container, EventStage stage) {
  with.events.tell(container->told, stage,
                   [&] { return describe(with, pod_of(with, *container), container->id(), stage); });
}

EventStage stage_of(cri::ContainerState state) {
  if (state == cri::CONTAINER_RUNNING) return EventStage::kStarted;
  return state == cri::CONTAINER_EXITED ? EventStage::kStopped : EventStage::kCreated;
}

}  // namespace

void announce(Services& with, const PodPtr& pod) {
  const bool ready = pod->status.lock()->ready;
  tell(with, pod, EventStage::kCreated);
  tell(with, pod, ready ? EventStage::kStarted : EventStage::kStopped);
}

void announce(Services& with, const ContainerPtr& container) {
  const auto state = container->status.lock()->state;
  tell(with, container, EventStage::kCreated);
  tell(with, container, stage_of(state));
}

void announce_removed(Services& with, const PodPtr& pod) {
  tell(with, pod, EventStage::kDeleted);
}

void announce_removed(Services& with, const ContainerPtr& container) {
  tell(with, container, EventStage::kDeleted);
}

Result<std::unique_ptr<EventReader>> EventReader::open(Services& with, std::function<void()> wake) {
  std::unique_ptr<EventReader> reader(new EventReader(with));
  ASSIGN_OR_RETURN(reader->subscription_,
                   with.events.subscribe(std::move(wake), [&reader] { reader->look(); }));
  return reader;
}

void EventReader::look() {
  // What is not yet or no more among the told has its own event, which comes later.
  const auto alive = [](EventStage told) {
    return told != EventStage::kNothing && told != EventStage::kDeleted;
  };
  for (const auto& pod : with_.pods.list()) {
    if (alive(pod->told)) present_.push_back({pod, nullptr, pod->told});
  }
  for (const auto& container : with_.containers.list()) {
    if (alive(container->told)) present_.push_back({nullptr, container, container->told});
  }
}

Result<EventFeed::Event> EventReader::next() {
  if (present_.empty()) return subscription_->next();
  const Present present = std::move(present_.front());
  present_.pop_front();
  const auto& [pod, container, stage] = present;
  return std::make_shared<const cri::ContainerEventResponse>(
      pod ? describe(with_, pod, pod->id(), stage)
          : describe(with_, pod_of(with_, *container), container->id(), stage));
}

}  // namespace berth::daemon
