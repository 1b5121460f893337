// SPDX-License-Identifier: Apache-2.0
#include "base/pch/std_pch.hpp"

#include <nlohmann/json.hpp>
