// SPDX-License-Identifier: Apache-2.0
#include "pid1/object.h"

#include <errno.h>
#include <string.h>
#include <sys/mman.h>

#include "pid1/place.h"
#include "pid1/streams.h"

namespace berth::pid1 {

Object::~Object() {
  for (const Stream& stream : streams) {
    if (stream.rest != nullptr) ::munmap(stream.rest, kMaxLogText);
    if (stream.held != nullptr) ::munmap(stream.held, StreamBuffers::kHeldSize);
  }
}

shim::ObjectState Object::state() const {
  return {id, phase, flags, pid, 0, start_time, started_ns, exit};
}

Object* ObjectTable::add(bool is_exec) {
  if (slots_ == nullptr) {
    void* memory = ::mmap(nullptr, kSize * sizeof(Object), PROT_READ | PROT_WRITE,
                          MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    if (memory == MAP_FAILED) return nullptr;
    slots_ = static_cast<Object*>(memory);
  }
  const uint32_t end = is_exec ? kSize : kContainers;
  for (uint32_t i = is_exec ? kContainers : 0; i < end; ++i) {
    if (used_[i]) continue;
    auto* object = new (Place{slots_ + i}) Object();
    object->index = i;
    object->generation = ++generation_;
    used_[i] = true;
    if (limit_ <= i) limit_ = i + 1;
    return object;
  }
  errno = ENOSPC;
  return nullptr;
}

void ObjectTable::remove(Object& object) {
  const uint32_t index = object.index;
  object.~Object();
  used_[index] = false;
}

Object* ObjectTable::find(const shim::ObjectId& id) {
  for (uint32_t i = 0; i < limit_; ++i) {
    if (used_[i] && memcmp(&slots_[i].id, &id, sizeof id) == 0) return slots_ + i;
  }
  return nullptr;
}

Object* ObjectTable::at(uint32_t index, uint32_t generation) {
  if (index >= kSize || !used_[index]) return nullptr;
  return slots_[index].generation == generation ? slots_ + index : nullptr;
}

}  // namespace berth::pid1
