// SPDX-License-Identifier: Apache-2.0
#include "pid1/plan_memory.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/mman.h>
#include <sys/stat.h>

namespace berth::pid1 {

PlanMemory::~PlanMemory() {
  if (bytes_ != nullptr) ::munmap(bytes_, size_);
}

PlanVerdict PlanMemory::load(int memfd, uint32_t fd_count) {
  constexpr int kSeals = F_SEAL_WRITE | F_SEAL_SHRINK | F_SEAL_GROW;
  const int seals = ::fcntl(memfd, F_GET_SEALS);
  if (seals < 0 || (seals & kSeals) != kSeals) return {EPERM, plan::kFailedBeforeOps};
  struct stat status = {};
  if (::fstat(memfd, &status) != 0) return {errno, plan::kFailedBeforeOps};
  if (status.st_size <= 0 || status.st_size > plan::kMaxSize) return {EBADMSG, plan::kFailedBeforeOps};
  size_ = static_cast<size_t>(status.st_size);
  void* memory = ::mmap(nullptr, size_, PROT_READ | PROT_WRITE, MAP_PRIVATE, memfd, 0);
  if (memory == MAP_FAILED) return {errno, plan::kFailedBeforeOps};
  bytes_ = static_cast<unsigned char*>(memory);
  return check_plan(bytes_, size_, fd_count);
}

}  // namespace berth::pid1
