// SPDX-License-Identifier: Apache-2.0
#include "cri_pch.hpp"

#include "api.grpc.pb.h"
