// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>

namespace berth::daemon {

/// "/dev/sda" for "8:0"; the number itself where the kernel names no such block device.
std::string block_device_name(const std::string& number);

/// The device of the file system that `path` is on: a block device, or what is mounted there ("tmpfs").
std::string device_of_path(const std::string& path);

}  // namespace berth::daemon
