// SPDX-License-Identifier: Apache-2.0
#include "pid1/shim.h"
#include "pid1/confine.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/prctl.h>
#include <sys/signalfd.h>
#include <sys/stat.h>
#include <unistd.h>

#include "pid1/note.h"
#include "pid1/place.h"
#include "pid1/supervise.h"
#include "pid1/sys.h"
#include "pid1/text.h"

namespace berth::pid1 {
namespace {

constexpr rlim_t kWantedFiles = 4096;  // a full table with every descriptor it may hold

size_t read_file(const char* path, char* buffer, size_t size) {
  const Fd fd(::open(path, O_RDONLY | O_CLOEXEC));
  if (!fd.is_open()) return 0;
  const ssize_t length = ::read(fd.get(), buffer, size - 1);
  const size_t used = length > 0 ? static_cast<size_t>(length) : 0;
  buffer[used] = '\0';
  return used;
}

/// Descriptors 0 to 2 must be something, or the next open would become the containers' output.
int settle_descriptors(Shim& shim) {
  int null_fd = -1;
  do {
    null_fd = ::open("/dev/null", O_RDWR | O_CLOEXEC);
    if (null_fd < 0) return errno;
    if (null_fd <= 2) ::fcntl(null_fd, F_SETFD, 0);
  } while (null_fd <= 2);
  ::close_range(shim::kPodDirFd + 1, ~0U, 0);
  if (::fcntl(shim::kListenFd, F_SETFD, FD_CLOEXEC) != 0 ||
      ::fcntl(shim::kPodDirFd, F_SETFD, FD_CLOEXEC) != 0) {
    return errno;
  }
  ::fcntl(shim::kListenFd, F_SETFL, O_NONBLOCK);
  shim.listener.reset(shim::kListenFd);
  shim.directory.reset(shim::kPodDirFd);
  return 0;
}

/// Everything is blocked: SIGTERM from a service manager must not end the pod, and a child's end
/// is read from the signalfd.
int settle_signals(Shim& shim) {
  sys::default_every_signal();
  ::signal(SIGPIPE, SIG_IGN);
  const sigset_t all = sys::every_signal();
  ::sigprocmask(SIG_SETMASK, &all, nullptr);
  sigset_t child;
  sigemptyset(&child);
  sigaddset(&child, SIGCHLD);
  shim.signals.reset(::signalfd(-1, &child, SFD_CLOEXEC | SFD_NONBLOCK));
  return shim.signals.is_open() ? 0 : errno;
}

void protect_from_oom(Shim& shim) {
  char before[sizeof shim.oom_score_adj];
  const size_t length = read_file("/proc/self/oom_score_adj", before, sizeof before);
  const Fd fd(::open("/proc/self/oom_score_adj", O_WRONLY | O_CLOEXEC));
  // Without CAP_SYS_RESOURCE it stays as it is; containers then inherit nothing that needs undoing.
  if (length == 0 || ::write(fd.get(), "-999", 4) != 4) return;
  memcpy(shim.oom_score_adj, before, sizeof before);
}

void raise_file_limit(Shim& shim) {
  if (::getrlimit(RLIMIT_NOFILE, &shim.nofile) != 0) return;
  rlimit raised = shim.nofile;
  if (raised.rlim_cur >= kWantedFiles) return;
  raised.rlim_cur = raised.rlim_max < kWantedFiles ? raised.rlim_max : kWantedFiles;
  ::setrlimit(RLIMIT_NOFILE, &raised);
}

int settle_process(Shim& shim) {
  ::setsid();  // EPERM when the daemon's spawn did it already
  ::umask(0);
  if (::chdir("/") != 0) return errno;
  if (::prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0) != 0) return errno;
  if (::prctl(PR_SET_DUMPABLE, 0, 0, 0, 0) != 0) return errno;
  ::prctl(PR_SET_PDEATHSIG, 0, 0, 0, 0);
  ::prctl(PR_SET_NAME, "berth-shim", 0, 0, 0);
  protect_from_oom(shim);
  raise_file_limit(shim);
  shim.start_time = start_time_of(::getpid());
  return 0;
}

int open_own_descriptors(Shim& shim) {
  shim.null.reset(::open("/dev/null", O_RDWR | O_CLOEXEC));
  if (!shim.null.is_open()) return errno;
  shim.own_pid_namespace.reset(::open("/proc/self/ns/pid", O_RDONLY | O_CLOEXEC));
  if (!shim.own_pid_namespace.is_open()) return errno;
  shim.events.reset(::epoll_create1(EPOLL_CLOEXEC));
  shim.stream_events.reset(::epoll_create1(EPOLL_CLOEXEC));
  if (!shim.events.is_open() || !shim.stream_events.is_open()) return errno;
  shim.log_news.reset(::eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK));
  if (!shim.log_news.is_open()) return errno;
  int err = watch(shim, shim.listener.get(), Source::kListener);
  if (err == 0) err = watch(shim, shim.signals.get(), Source::kSignals);
  if (err == 0) err = watch(shim, shim.log_news.get(), Source::kLogs);
  if (err == 0) err = watch(shim, shim.stream_events.get(), Source::kStreams);
  return err;
}

int settle(Shim& shim) {
  int err = settle_descriptors(shim);
  if (err == 0) err = settle_signals(shim);
  if (err == 0) err = settle_process(shim);
  if (err == 0) err = open_own_descriptors(shim);
  if (err == 0) err = shim.launcher.start();
  if (err == 0) err = confine_loop();
  return err;
}

}  // namespace

int watch(Shim& shim, int fd, Source source, const Object* object) {
  epoll_event event = {};
  event.events = EPOLLIN;
  event.data.u64 = event_key(source, object);
  const bool is_stream = source == Source::kStdout || source == Source::kStderr;
  const int set = is_stream ? shim.stream_events.get() : shim.events.get();
  return ::epoll_ctl(set, EPOLL_CTL_ADD, fd, &event) == 0 ? 0 : errno;
}

void unwatch(const Shim& shim, Fd& fd) {
  if (!fd.is_open()) return;
  ::epoll_ctl(shim.events.get(), EPOLL_CTL_DEL, fd.get(), nullptr);
  ::epoll_ctl(shim.stream_events.get(), EPOLL_CTL_DEL, fd.get(), nullptr);
  fd.reset();
}

uint64_t start_time_of(pid_t pid) {
  Text<32> path;
  path.add("/proc/").number(static_cast<uint64_t>(pid)).add("/stat");
  char stat[1024];
  const size_t size = read_file(path.c_str(), stat, sizeof stat);
  // The second field is the command's name, which may hold spaces and parentheses.
  const void* name_end = memrchr(stat, ')', size);
  if (name_end == nullptr) return 0;
  const char* at = static_cast<const char*>(name_end) + 1;
  const char* const end = stat + size;
  for (int field = 2; field < 22 && at != end; ++at) {
    if (*at == ' ') ++field;
  }
  uint64_t value = 0;
  return parse_number(at, end, value) ? value : 0;
}

int run_shim() {
  alignas(Shim) static unsigned char memory[sizeof(Shim)];
  Shim& shim = *new (Place{memory}) Shim();  // never destroyed: the process's end closes everything
  const int err = settle(shim);
  if (err != 0) {
    note("the shim cannot start", err);
    return 1;
  }
  return supervise(shim);
}

}  // namespace berth::pid1
