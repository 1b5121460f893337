// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "api.pb.h"

/// The CRI's messages. Only src/daemon knows them; generated code costs seconds per translation
/// unit, so headers forward-declare where they can.
namespace cri = ::runtime::v1;
