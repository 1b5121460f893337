// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <pthread.h>

namespace berth::pid1 {

/// The thread that clones. A filter is inherited over clone and cannot be taken off again, and the shim's
/// children become the containers: so the loop, which reads what comes from outside, is under one
/// (confine_loop), and this thread, which reads nothing, is not. It does what the loop asks for, one call at
/// a time, while the loop waits.
class Launcher {
 public:
  /// Before the loop is confined. 0, or an errno.
  int start();
  /// Calls `kWork` with `subject` there; its answer.
  template <auto kWork, class Subject>
  int run(Subject& subject) {
    return run([](void* at) { return kWork(*static_cast<Subject*>(at)); }, &subject);
  }

 private:
  using Work = int (*)(void*);
  int run(Work work, void* subject);
  static void* serve(void* self);

  pthread_mutex_t mutex_ = PTHREAD_MUTEX_INITIALIZER;
  pthread_cond_t changed_ = PTHREAD_COND_INITIALIZER;
  Work work_ = nullptr;
  void* subject_ = nullptr;
  int answer_ = 0;
  bool is_started_ = false;
};

}  // namespace berth::pid1
