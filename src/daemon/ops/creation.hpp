// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>
#include <string_view>

#include "base/cat.hpp"
#include "daemon/ops/unclaimed.hpp"

namespace berth::daemon {

/// One creation of a name at a time: the first call does `make()`, those that come meanwhile join it,
/// later ones find the object. `claim_existing(object)` decides whether what is there is what a call
/// that did not make it has asked for. Returns the ID; blocks until the object is made.
template <class Object, class Make, class ClaimExisting>
Result<std::string> create_or_join(Services& with, const ObjectStore<Object>& store, std::string_view kind,
                                   const std::string& name, const Call& call, Make make,
                                   ClaimExisting claim_existing) {
  bool made_here = false;
  auto work = [&](std::stop_token) -> Result<std::string> {
    if (auto existing = store.find_name(name)) return existing->id();
    made_here = true;
    return make();
  };
  ASSIGN_OR_RETURN(auto id,
                   with.creations.run(cat(kind, "/", name), run_inline, work, call.cancelled, call.deadline));
  ASSIGN_OR_RETURN(const auto object, store.find(id));
  if (made_here) {
    claim(*object, call);
  } else {
    RETURN_IF_ERROR(claim_existing(*object));
  }
  if (object->unclaimed) watch_unclaimed(with, object);
  return id;
}

}  // namespace berth::daemon
