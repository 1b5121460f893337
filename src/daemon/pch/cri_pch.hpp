// SPDX-License-Identifier: Apache-2.0
#include "base/pch/json_pch.hpp"

#include "api.pb.h"
