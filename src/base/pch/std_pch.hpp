// SPDX-License-Identifier: Apache-2.0
// What most files include anyway, parsed once per library. No file relies on it: each includes what it uses,
// and the sanitizer builds compile without (b_pch=false).
#include <algorithm>
#include <array>
#include <atomic>
#include <chrono>
#include <condition_variable>
#include <cstdint>
#include <cstring>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <set>
#include <span>
#include <string>
#include <string_view>
#include <thread>
#include <unordered_map>
#include <utility>
#include <variant>
#include <vector>
