// SPDX-License-Identifier: Apache-2.0
#include "daemon/pch/cri_pch.hpp"
