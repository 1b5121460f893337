// SPDX-License-Identifier: Apache-2.0
#include "base/std_pch.hpp"

#include <catch2/catch.hpp>
