// SPDX-License-Identifier: Apache-2.0
#include "std_pch.hpp"

#include <nlohmann/json.hpp>
