// SPDX-License-Identifier: Apache-2.0
#include "json_pch.hpp"

#include "api.pb.h"
