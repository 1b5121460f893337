// SPDX-License-Identifier: Apache-2.0
#include "../../src/pch/std_pch.hpp"

#include <catch2/catch.hpp>
