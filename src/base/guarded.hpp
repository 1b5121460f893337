// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <condition_variable>
#include <mutex>
#include <utility>

namespace berth {

/// Data that can be reached only through its lock. Never held across a wait for a workload, a
/// disk, or another process.
template <class T>
class Guarded {
 public:
  Guarded() = default;
  explicit Guarded(T value) : value_(std::move(value)) {}

  class Access {
   public:
    T* operator->() { return value_; }
    T& operator*() { return *value_; }
    std::unique_lock<std::mutex>& lock() { return lock_; }  ///< for condition variables

   private:
    friend class Guarded;
    Access(std::mutex& mutex, T* value) : lock_(mutex), value_(value) {}
    std::unique_lock<std::mutex> lock_;
    T* value_;
  };

  Access lock() { return Access(mutex_, &value_); }
  Access lock() const { return Access(mutex_, &value_); }

 private:
  mutable std::mutex mutex_;
  mutable T value_{};
};

}  // namespace berth
