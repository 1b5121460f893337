// SPDX-License-Identifier: Apache-2.0
#include "pid1/netlink.h"

#include <errno.h>
#include <linux/if_addr.h>
#include <linux/if_link.h>
#include <linux/netlink.h>
#include <linux/rtnetlink.h>
#include <net/if.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <unistd.h>

namespace berth::pid1 {
namespace {

/// One request, built in place. Every length fits in its 16 bits: the buffer is small.
class Request {
 public:
  Request(uint16_t type, uint16_t flags) {
    header()->nlmsg_len = NLMSG_HDRLEN;
    header()->nlmsg_type = type;
    header()->nlmsg_flags = static_cast<uint16_t>(flags | NLM_F_REQUEST | NLM_F_ACK);
  }
  void add_body(const void* bytes, size_t size) {
    memcpy(bytes_ + header()->nlmsg_len, bytes, size);
    header()->nlmsg_len += static_cast<uint32_t>(NLMSG_ALIGN(size));
  }
  void add_attribute(uint16_t type, const void* bytes, size_t size) {
    const rtattr attribute = {static_cast<uint16_t>(RTA_LENGTH(size)), type};
    if (header()->nlmsg_len + RTA_SPACE(size) > sizeof bytes_) {
      overflow_ = true;
      return;
    }
    memcpy(bytes_ + header()->nlmsg_len, &attribute, sizeof attribute);
    memcpy(bytes_ + header()->nlmsg_len + RTA_LENGTH(0), bytes, size);
    header()->nlmsg_len += static_cast<uint32_t>(RTA_SPACE(size));
  }
  int send_and_wait() {
    if (overflow_) return E2BIG;
    const int socket = ::socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, NETLINK_ROUTE);
    if (socket < 0) return errno;
    int err = ::send(socket, bytes_, header()->nlmsg_len, 0) < 0 ? errno : 0;
    if (err == 0) err = read_answer(socket);
    ::close(socket);
    return err;
  }

 private:
  static int read_answer(int socket) {
    alignas(nlmsghdr) unsigned char answer[1024];
    const ssize_t size = ::recv(socket, answer, sizeof answer, 0);
    if (size < 0) return errno;
    nlmsghdr head = {};
    nlmsgerr verdict = {};
    if (static_cast<size_t>(size) < NLMSG_HDRLEN + sizeof verdict.error) return EBADMSG;
    memcpy(&head, answer, sizeof head);
    if (head.nlmsg_type != NLMSG_ERROR) return EBADMSG;
    memcpy(&verdict.error, answer + NLMSG_HDRLEN, sizeof verdict.error);
    return -verdict.error;
  }
  nlmsghdr* header() { return static_cast<nlmsghdr*>(static_cast<void*>(bytes_)); }

  alignas(nlmsghdr) unsigned char bytes_[512] = {};
  bool overflow_ = false;
};

int set_name(ifreq& request, const char* name) {
  const size_t length = strlen(name);
  if (length == 0 || length >= sizeof request.ifr_name) return EINVAL;
  memcpy(request.ifr_name, name, length + 1);
  return 0;
}

int ask_device(int what, ifreq& request) {
  const int socket = ::socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
  if (socket < 0) return errno;
  const int err = ::ioctl(socket, what, &request) == 0 ? 0 : errno;
  ::close(socket);
  return err;
}

int index_of(const char* name, int& index) {
  ifreq request = {};
  int err = set_name(request, name);
  if (err == 0) err = ask_device(SIOCGIFINDEX, request);
  index = request.ifr_ifindex;
  return err;
}

int add_address(int index, const uint64_t* words) {
  ifaddrmsg message = {};
  message.ifa_family = static_cast<uint8_t>(words[0]);
  message.ifa_prefixlen = static_cast<uint8_t>(words[0] >> 8);
  message.ifa_scope = static_cast<uint8_t>(words[0] >> 16);
  message.ifa_index = static_cast<uint32_t>(index);
  const auto flags = static_cast<uint32_t>(words[0] >> 32);
  const size_t size = message.ifa_family == AF_INET ? 4 : 16;
  Request request(RTM_NEWADDR, NLM_F_CREATE | NLM_F_EXCL);
  request.add_body(&message, sizeof message);
  request.add_attribute(IFA_LOCAL, words + 1, size);
  request.add_attribute(IFA_ADDRESS, words + 1, size);
  request.add_attribute(IFA_FLAGS, &flags, sizeof flags);
  if (words[3] != 0 && message.ifa_family == AF_INET) request.add_attribute(IFA_BROADCAST, words + 3, 4);
  return request.send_and_wait();
}

}  // namespace

int move_link(const char* name, const char* new_name, int ns_fd, pid_t pid) {
  ifinfomsg message = {};
  message.ifi_family = AF_UNSPEC;
  const int err = index_of(name, message.ifi_index);
  if (err != 0) return err;
  Request request(RTM_NEWLINK, 0);
  request.add_body(&message, sizeof message);
  if (ns_fd >= 0) {
    request.add_attribute(IFLA_NET_NS_FD, &ns_fd, sizeof ns_fd);
  } else {
    request.add_attribute(IFLA_NET_NS_PID, &pid, sizeof pid);
  }
  request.add_attribute(IFLA_IFNAME, new_name, strlen(new_name) + 1);
  return request.send_and_wait();
}

int bring_link_up(const char* name, const uint64_t* addresses, uint64_t count) {
  int index = 0;
  int err = index_of(name, index);
  for (uint64_t i = 0; i < count && err == 0; ++i) err = add_address(index, addresses + 4 * i);
  ifreq request = {};
  if (err == 0) err = set_name(request, name);
  if (err == 0) err = ask_device(SIOCGIFFLAGS, request);
  request.ifr_flags = static_cast<short>(request.ifr_flags | IFF_UP);
  return err == 0 ? ask_device(SIOCSIFFLAGS, request) : err;
}

}  // namespace berth::pid1
