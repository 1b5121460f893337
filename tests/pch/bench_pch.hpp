// SPDX-License-Identifier: Apache-2.0
#include "daemon/cri_pch.hpp"
