// SPDX-License-Identifier: Apache-2.0
// Included before everything in builds under the thread sanitizer: protobuf's map fields have two more
// members there, of which the library that they are linked with knows nothing.
#pragma once

#ifdef __SANITIZE_THREAD__  // the programs without it link no library at all
#include <atomic>
#include <functional>
#include <memory>
#include <mutex>
#include <string>
#include <unordered_map>

#pragma push_macro("__SANITIZE_THREAD__")
#undef __SANITIZE_THREAD__
#include <google/protobuf/map_field.h>
#pragma pop_macro("__SANITIZE_THREAD__")
#endif
