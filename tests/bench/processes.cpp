// SPDX-License-Identifier: Apache-2.0
#include "processes.hpp"

#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <algorithm>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <sstream>

namespace berth::bench {
namespace {

std::string read_all(const std::string& path) {
  std::ifstream file(path);
  std::ostringstream text;
  text << file.rdbuf();
  return text.str();
}

}  // namespace

int peer_pid(const std::string& socket) {
  const std::string path = socket.substr(std::strlen("unix://"));
  const int fd = ::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  std::memcpy(address.sun_path, path.data(), std::min(path.size(), sizeof address.sun_path - 1));
  ucred peer{};
  socklen_t size = sizeof peer;
  if (::connect(fd, reinterpret_cast<const sockaddr*>(&address), sizeof address) == 0) {
    ::getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &peer, &size);
  }
  ::close(fd);
  return peer.pid;
}

std::set<int> all_pids() {
  std::set<int> pids;
  for (const auto& entry : std::filesystem::directory_iterator("/proc")) {
    const std::string name = entry.path().filename();
    if (std::all_of(name.begin(), name.end(), [](char c) { return c >= '0' && c <= '9'; }))
      pids.insert(std::stoi(name));
  }
  return pids;
}

double pss(int pid) {
  std::ifstream file("/proc/" + std::to_string(pid) + "/smaps_rollup");
  std::string word;
  double kilobytes = 0;
  while (file >> word) {
    if (word == "Pss:" && file >> kilobytes) return kilobytes * 1024;
  }
  return 0;
}

std::string command_line(int pid) {
  std::string text = read_all("/proc/" + std::to_string(pid) + "/cmdline");
  std::replace(text.begin(), text.end(), '\0', ' ');
  return text;
}

std::string cpu_file_of_group_with(const std::string& word) {
  for (const int pid : all_pids()) {
    std::istringstream lines(read_all("/proc/" + std::to_string(pid) + "/cgroup"));
    std::string line;
    while (std::getline(lines, line)) {
      if (line.find(word) == std::string::npos) continue;

      const std::string path = line.substr(line.rfind(':') + 1);
      for (const std::string& candidate :
           {"/sys/fs/cgroup/cpuacct" + path + "/cpuacct.usage",
            "/sys/fs/cgroup/cpu,cpuacct" + path + "/cpuacct.usage", "/sys/fs/cgroup" + path + "/cpu.stat"}) {
        if (std::filesystem::exists(candidate)) return candidate;
      }
    }
  }
  return "";
}

}  // namespace berth::bench
