// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <optional>

#include "base/json.hpp"

namespace berth::oci {

/// Absent, empty and zero-length members are left out.
template <class Value>
void put(Json& object, const char* key, const std::optional<Value>& value) {
  if (value) object[key] = *value;
}
template <class Container>
void put_list(Json& object, const char* key, const Container& values) {
  if (!values.empty()) object[key] = values;
}

}  // namespace berth::oci
