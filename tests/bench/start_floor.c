// SPDX-License-Identifier: Apache-2.0
// What a container's start costs when nobody does anything but the system calls: the namespaces, cgroups,
// mounts, masked paths and rights of `berth-oci spec`, around a program that ends at once.
//
//   start_floor ROOTFS CGROUP TIMES HIERARCHY...     a line per start: ms until execve, ms until all is gone
//
// HIERARCHY is the mount point of one, the unified one last; CGROUP a path below each that is there.
#include <err.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/capability.h>
#include <linux/mount.h>
#include <linux/sched.h>
#include <net/if.h>
#include <sched.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/sysmacros.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

enum { kMaxHierarchies = 32 };

static const char* rootfs;
static int hierarchy_count;
static char groups[kMaxHierarchies][4096];
static int tasks[kMaxHierarchies];

static void must(long rc, const char* what) {
  if (rc < 0) err(1, "%s", what);
}

static double now_ms(void) {
  struct timespec time;
  clock_gettime(CLOCK_MONOTONIC, &time);
  return (double)time.tv_sec * 1e3 + (double)time.tv_nsec / 1e6;
}

static void mount_new(const char* type, const char* place, unsigned attributes, const char* const options[]) {
  const int context = fsopen(type, FSOPEN_CLOEXEC);
  must(context, type);
  for (int i = 0; options != NULL && options[i] != NULL; i += 2)
    must(fsconfig(context, FSCONFIG_SET_STRING, options[i], options[i + 1], 0), options[i]);
  must(fsconfig(context, FSCONFIG_CMD_CREATE, NULL, NULL, 0), "create a file system");
  const int tree = fsmount(context, FSMOUNT_CLOEXEC, attributes);
  must(tree, "fsmount");
  must(move_mount(tree, "", AT_FDCWD, place, MOVE_MOUNT_F_EMPTY_PATH), place);
  close(tree);
  close(context);
}

static void attach_clone(const char* source, const char* place, uint64_t attributes) {
  const int tree = open_tree(AT_FDCWD, source, OPEN_TREE_CLONE | OPEN_TREE_CLOEXEC);
  if (tree < 0 && errno == ENOENT) return;
  must(tree, source);
  struct mount_attr set = {.attr_set = attributes};
  if (attributes != 0) must(mount_setattr(tree, "", AT_EMPTY_PATH, &set, sizeof set), "mount_setattr");
  must(move_mount(tree, "", AT_FDCWD, place, MOVE_MOUNT_F_EMPTY_PATH), place);
  close(tree);
}

static void make_devices(void) {
  static const struct {
    const char* path;
    unsigned minor_number;
  } kNodes[] = {{"dev/null", 3}, {"dev/zero", 5}, {"dev/full", 7}, {"dev/random", 8}, {"dev/urandom", 9}};
  for (size_t i = 0; i < sizeof kNodes / sizeof kNodes[0]; ++i)
    must(mknod(kNodes[i].path, S_IFCHR | 0666, makedev(1, kNodes[i].minor_number)), kNodes[i].path);
  must(mknod("dev/tty", S_IFCHR | 0666, makedev(5, 0)), "dev/tty");
  static const char* const kLinks[][2] = {{"/proc/self/fd", "dev/fd"}, {"/proc/self/fd/0", "dev/stdin"},
    {"/proc/self/fd/1", "dev/stdout"}, {"/proc/self/fd/2", "dev/stderr"}, {"pts/ptmx", "dev/ptmx"}};
  for (size_t i = 0; i < sizeof kLinks / sizeof kLinks[0]; ++i) must(symlink(kLinks[i][0], kLinks[i][1]), kLinks[i][1]);
}

static void mount_cgroups(void) {
  const unsigned attributes = MOUNT_ATTR_RDONLY | MOUNT_ATTR_NOSUID | MOUNT_ATTR_NODEV | MOUNT_ATTR_NOEXEC;
  static const char* const kSize[] = {"mode", "755", "size", "64k", NULL};
  mount_new("tmpfs", "sys/fs/cgroup", attributes & ~(unsigned)MOUNT_ATTR_RDONLY, kSize);
  for (int i = 0; i < hierarchy_count; ++i) {
    char place[64];
    snprintf(place, sizeof place, "sys/fs/cgroup/%d", i);
    must(mkdir(place, 0755), place);
    attach_clone(groups[i], place, attributes);
  }
}

static void mount_all(void) {
  const unsigned plain = MOUNT_ATTR_NOSUID | MOUNT_ATTR_NODEV | MOUNT_ATTR_NOEXEC;
  static const char* const kDev[] = {"mode", "755", "size", "65536k", NULL};
  static const char* const kPts[] = {"ptmxmode", "0666", "mode", "0620", "gid", "5", NULL};
  static const char* const kShm[] = {"mode", "1777", "size", "65536k", NULL};
  mount_new("proc", "proc", 0, NULL);
  mount_new("tmpfs", "dev", MOUNT_ATTR_NOSUID | MOUNT_ATTR_STRICTATIME, kDev);
  must(mkdir("dev/pts", 0755), "dev/pts");
  mount_new("devpts", "dev/pts", MOUNT_ATTR_NOSUID | MOUNT_ATTR_NOEXEC, kPts);
  must(mkdir("dev/shm", 0755), "dev/shm");
  mount_new("tmpfs", "dev/shm", plain, kShm);
  must(mkdir("dev/mqueue", 0755), "dev/mqueue");
  mount_new("mqueue", "dev/mqueue", plain, NULL);
  mount_new("sysfs", "sys", plain, NULL);
  mount_cgroups();
  make_devices();
}

static void hide(void) {
  static const char* const kFiles[] = {"/proc/kcore", "/proc/keys", "/proc/latency_stats", "/proc/timer_list",
    "/proc/timer_stats", "/proc/sched_debug"};
  static const char* const kDirectories[] = {"/proc/acpi", "/proc/asound", "/proc/scsi", "/sys/firmware",
    "/sys/devices/virtual/powercap"};
  static const char* const kReadOnly[] = {"/proc/bus", "/proc/fs", "/proc/irq", "/proc/sys", "/proc/sysrq-trigger"};
  static const char* const kEmpty[] = {"size", "4k", NULL};
  for (size_t i = 0; i < sizeof kFiles / sizeof kFiles[0]; ++i) {
    if (access(kFiles[i], F_OK) == 0) attach_clone("/dev/null", kFiles[i], 0);
  }
  for (size_t i = 0; i < sizeof kDirectories / sizeof kDirectories[0]; ++i) {
    if (access(kDirectories[i], F_OK) == 0) mount_new("tmpfs", kDirectories[i], MOUNT_ATTR_RDONLY, kEmpty);
  }
  for (size_t i = 0; i < sizeof kReadOnly / sizeof kReadOnly[0]; ++i)
    attach_clone(kReadOnly[i], kReadOnly[i], MOUNT_ATTR_RDONLY);
}

static void give_up_rights(void) {
  const uint32_t kept = 1u << CAP_KILL | 1u << CAP_NET_BIND_SERVICE | 1u << CAP_AUDIT_WRITE;
  const struct rlimit files = {1024, 1024};
  must(setrlimit(RLIMIT_NOFILE, &files), "setrlimit");
  for (int i = 0; prctl(PR_CAPBSET_READ, i) >= 0; ++i) {
    if ((kept >> i & 1) == 0 || i > 31) must(prctl(PR_CAPBSET_DROP, i), "drop a capability");
  }
  struct __user_cap_header_struct header = {_LINUX_CAPABILITY_VERSION_3, 0};
  struct __user_cap_data_struct data[2] = {{kept, kept, 0}, {0, 0, 0}};
  must(syscall(SYS_capset, &header, data), "capset");
  must(prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0), "no_new_privs");
}

static void bring_loopback_up(void) {
  const int socket_fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
  struct ifreq request = {.ifr_name = "lo"};
  must(ioctl(socket_fd, SIOCGIFFLAGS, &request), "lo");
  request.ifr_flags |= IFF_UP;
  must(ioctl(socket_fd, SIOCSIFFLAGS, &request), "lo");
  close(socket_fd);
}

static void be_container(void) {
  for (int i = 0; i + 1 < hierarchy_count; ++i) must(write(tasks[i], "0", 1), "join a cgroup");
  bring_loopback_up();
  must(unshare(CLONE_NEWCGROUP), "unshare");
  struct mount_attr slave = {.propagation = MS_SLAVE};
  must(mount_setattr(AT_FDCWD, "/", AT_RECURSIVE, &slave, sizeof slave), "propagation");
  const int tree = open_tree(AT_FDCWD, rootfs, OPEN_TREE_CLONE | OPEN_TREE_CLOEXEC);
  must(tree, rootfs);
  must(move_mount(tree, "", AT_FDCWD, rootfs, MOVE_MOUNT_F_EMPTY_PATH), "attach the root");
  must(fchdir(tree), "chdir");
  mount_all();
  must(syscall(SYS_pivot_root, ".", "."), "pivot_root");
  must(umount2(".", MNT_DETACH), "umount");
  must(chdir("/"), "chdir");
  hide();
  must(sethostname("berth", 5), "sethostname");
  must(setsid(), "setsid");
  give_up_rights();
  char* const argv[] = {"true", NULL};
  char* const envp[] = {"PATH=/bin", NULL};
  must(syscall(SYS_close_range, 3, ~0U, CLOSE_RANGE_CLOEXEC), "close_range");
  execve("/bin/true", argv, envp);
  err(1, "execve");
}

static void make_groups(void) {
  for (int i = 0; i < hierarchy_count; ++i) {
    must(mkdir(groups[i], 0755), groups[i]);
    const int group = open(groups[i], O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    must(group, groups[i]);
    if (strstr(groups[i], "/cpuset/") != NULL) {
      // As berth does: a group without CPUs takes no process.
      const int cpus = openat(group, "cpuset.cpus", O_WRONLY), mems = openat(group, "cpuset.mems", O_WRONLY);
      char all[32];
      const int length = snprintf(all, sizeof all, "0-%ld", sysconf(_SC_NPROCESSORS_ONLN) - 1);
      must(write(cpus, all, (size_t)length), "cpuset.cpus");
      must(write(mems, "0", 1), "cpuset.mems");
      close(cpus);
      close(mems);
    }
    tasks[i] = i + 1 == hierarchy_count ? group : openat(group, "tasks", O_WRONLY | O_CLOEXEC);
    if (i + 1 < hierarchy_count) close(group);
  }
}

static void start_one(void) {
  const double began = now_ms();
  make_groups();
  int ends[2];
  must(pipe2(ends, O_CLOEXEC), "pipe");
  struct clone_args args = {.flags = CLONE_NEWNS | CLONE_NEWPID | CLONE_NEWNET | CLONE_NEWIPC | CLONE_NEWUTS | CLONE_INTO_CGROUP,
                            .exit_signal = SIGCHLD,
                            .cgroup = (uint64_t)tasks[hierarchy_count - 1]};
  const long child = syscall(SYS_clone3, &args, sizeof args);
  must(child, "clone3");
  if (child == 0) be_container();
  close(ends[1]);
  char none;
  must(read(ends[0], &none, 1), "wait for execve");
  const double running = now_ms();
  siginfo_t info;
  must(waitid(P_PID, (id_t)child, &info, WEXITED), "waitid");
  close(ends[0]);
  for (int i = 0; i < hierarchy_count; ++i) {
    close(tasks[i]);
    must(rmdir(groups[i]), "rmdir");
  }
  if (info.si_code != CLD_EXITED || info.si_status != 0) errx(1, "the program ended with %d", info.si_status);
  printf("%.3f %.3f\n", running - began, now_ms() - began);
}

int main(int argc, char** argv) {
  if (argc < 5) errx(2, "usage: start_floor ROOTFS CGROUP TIMES HIERARCHY...");
  rootfs = argv[1];
  hierarchy_count = argc - 4 < kMaxHierarchies ? argc - 4 : kMaxHierarchies;
  for (int i = 0; i < hierarchy_count; ++i) snprintf(groups[i], sizeof groups[i], "%s%s/floor", argv[4 + i], argv[2]);
  for (int times = atoi(argv[3]); times > 0; --times) start_one();
  return 0;
}
