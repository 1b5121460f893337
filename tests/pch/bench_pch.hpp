// SPDX-License-Identifier: Apache-2.0
#include "../../src/pch/cri_pch.hpp"
