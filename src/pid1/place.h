// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <stddef.h>

/// Where to construct an object: `new (Place{memory}) T()`. The header <new>, which has this for any
/// pointer, belongs to a runtime that is not here.
struct Place {
  void* at;
};

inline void* operator new(size_t, Place place) noexcept {
  return place.at;
}
inline void operator delete(void*, Place) noexcept {}
