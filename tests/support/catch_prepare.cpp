// SPDX-License-Identifier: Apache-2.0
// Alone in its file: a program that has a prepare() never takes this one out of the library.
#include "catch_main.hpp"

const char* berth::testing::prepare(int, char**) {
  return nullptr;
}
