// SPDX-License-Identifier: Apache-2.0
#include "pid1/launcher.h"

#include <errno.h>
#include <stddef.h>
#include <sys/prctl.h>

namespace berth::pid1 {
namespace {

// A child goes on on a copy of it, until it executes its program.
constexpr size_t kStack = 256u << 10;

}  // namespace

int Launcher::start() {
  pthread_attr_t attributes;
  ::pthread_attr_init(&attributes);
  ::pthread_attr_setdetachstate(&attributes, PTHREAD_CREATE_DETACHED);
  ::pthread_attr_setstacksize(&attributes, kStack);
  pthread_t thread;
  const int err = ::pthread_create(&thread, &attributes, serve, this);
  ::pthread_attr_destroy(&attributes);
  is_started_ = err == 0;
  return err;
}

int Launcher::run(Work work, void* subject) {
  if (!is_started_) return ESRCH;
  ::pthread_mutex_lock(&mutex_);
  work_ = work;
  subject_ = subject;
  ::pthread_cond_broadcast(&changed_);
  while (work_ != nullptr) ::pthread_cond_wait(&changed_, &mutex_);
  const int answer = answer_;
  ::pthread_mutex_unlock(&mutex_);
  return answer;
}

void* Launcher::serve(void* self) {
  auto& launcher = *static_cast<Launcher*>(self);
  ::prctl(PR_SET_NAME, "berth-launch", 0, 0, 0);
  ::pthread_mutex_lock(&launcher.mutex_);
  for (;;) {
    while (launcher.work_ == nullptr) ::pthread_cond_wait(&launcher.changed_, &launcher.mutex_);
    launcher.answer_ = launcher.work_(launcher.subject_);
    launcher.work_ = nullptr;
    ::pthread_cond_broadcast(&launcher.changed_);
  }
}

}  // namespace berth::pid1
