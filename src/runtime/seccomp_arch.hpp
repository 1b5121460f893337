// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>
#include <string_view>
#include <vector>

namespace berth::runtime {

/// The architecture this program was built for, "SCMP_ARCH_X86_64", first; then those whose
/// programs its kernel also runs.
std::vector<std::string> native_seccomp_architectures();
/// The same in the words of profiles' "includes": "amd64".
std::string_view native_architecture_word();

}  // namespace berth::runtime
