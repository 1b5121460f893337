// SPDX-License-Identifier: Apache-2.0
// The attacker inside of a container: looks at what the processes that it sees own. A file of the host
// that no container has proves a way to the host.
//   peeper FILE PID...        what can be opened of each, once
//   peeper FILE watch SECONDS newcomers, as fast as it goes; each kind of finding is told once
// Prints "can WHAT" for everything that opens, "HOST WHAT" where the file was reached, and with watch
// at the end how many newcomers were looked at.
#include <dirent.h>
#include <fcntl.h>
#include <time.h>
#include <unistd.h>

#include <cstdlib>
#include <cstring>
#include <iostream>
#include <set>
#include <string>

namespace {

std::set<std::string> told;
std::string secret;

void tell(const std::string& what) {
  if (told.insert(what).second) std::cout << what << std::endl;
}

bool opens(const std::string& path, int flags) {
  const int fd = ::open(path.c_str(), flags | O_CLOEXEC);
  if (fd >= 0) ::close(fd);
  return fd >= 0;
}

std::string target_of(const std::string& link) {
  char text[4096];
  const ssize_t size = ::readlink(link.c_str(), text, sizeof text);
  return size < 0 ? "" : std::string(text, static_cast<std::size_t>(size));
}

/// Below what `place` leads to, or above it.
bool reaches_host(const std::string& place) {
  return opens(place + secret, O_RDONLY) || opens(place + "/../../../../../../../.." + secret, O_RDONLY);
}

void look_at_directory(const std::string& place, const std::string& name) {
  if (!opens(place + "/" + name + "/.", O_RDONLY | O_DIRECTORY)) return;
  tell("can " + name);
  if (reaches_host(place + "/" + name)) tell("HOST " + name);
}

/// What a program may own: its streams, its root, and before it is one the socket to whoever launched it.
/// (The host's null device is "/null" where its mount is not.)
bool is_harmless(const std::string& target) {
  return target.rfind("pipe:", 0) == 0 || target.rfind("socket:", 0) == 0 || target == "/dev/null" ||
         target == "/null" || target == "/" || target.rfind("/dev/pts/", 0) == 0;
}

void look_at_descriptors(const std::string& place) {
  DIR* directory = ::opendir((place + "/fd").c_str());
  if (directory == nullptr) return;
  while (const dirent* entry = ::readdir(directory)) {
    if (entry->d_name[0] == '.') continue;
    const std::string link = place + "/fd/" + entry->d_name;
    const std::string target = target_of(link);
    if (target.empty()) continue;
    tell("can fd");
    if (reaches_host(link)) tell("HOST fd of a directory");
    if (!is_harmless(target)) tell("HOST fd " + target.substr(0, target.find_first_of("[0123456789")));
  }
  ::closedir(directory);
}

void look_at(const std::string& pid) {
  const std::string place = "/proc/" + pid;
  look_at_directory(place, "root");
  look_at_directory(place, "cwd");
  look_at_descriptors(place);
  for (const char* name : {"mem", "maps", "environ", "exe"}) {
    if (opens(place + "/" + name, O_RDONLY)) tell(std::string("can ") + name);
  }
  if (target_of(place + "/exe").rfind("/memfd:", 0) != 0) return;
  // By now it may run the container's own program: what counts is what is opened.
  const int exe = ::open((place + "/exe").c_str(), O_RDWR | O_CLOEXEC);
  if (exe < 0) return;
  if (target_of("/proc/self/fd/" + std::to_string(exe)).rfind("/memfd:", 0) == 0) tell("HOST exe");
  ::close(exe);
}

void watch(double seconds) {
  constexpr long kAhead = 40;
  timespec now = {};
  ::clock_gettime(CLOCK_MONOTONIC, &now);
  const double end = static_cast<double>(now.tv_sec) + seconds;
  long last = ::getpid();
  long newcomers = 0;
  while (static_cast<double>(now.tv_sec) < end) {
    for (long pid = last; pid <= last + kAhead; ++pid) {
      const std::string number = std::to_string(pid);
      if (pid == ::getpid() || ::access(("/proc/" + number).c_str(), F_OK) != 0) continue;
      look_at(number);
      if (pid == last) continue;
      last = pid;
      ++newcomers;
    }
    ::clock_gettime(CLOCK_MONOTONIC, &now);
  }
  std::cout << "newcomers " << newcomers << std::endl;
}

}  // namespace

int main(int argc, char** argv) {
  if (argc < 3) return 2;
  secret = argv[1];
  if (std::strcmp(argv[2], "watch") == 0) {
    watch(argc > 3 ? std::atof(argv[3]) : 5);
    return 0;
  }
  for (int i = 2; i < argc; ++i) look_at(argv[i]);
  return 0;
}
