// SPDX-License-Identifier: Apache-2.0
#include "sandbox/child_network.hpp"

#include <errno.h>
#include <linux/if_addr.h>
#include <linux/netlink.h>
#include <linux/rtnetlink.h>
#include <net/if.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <time.h>
#include <unistd.h>

#include <array>
#include <cstring>

namespace mixguard::sandbox {
namespace {

struct AddressRequest {
  nlmsghdr header;
  ifaddrmsg message;
  rtattr attribute;
  std::array<std::uint8_t, 16> address;
};

struct Acknowledgement {
  nlmsghdr header;
  nlmsgerr error;
};

AddressRequest request_for(const sockaddr_storage& address, unsigned device) noexcept {
  AddressRequest request{};
  const bool v6 = address.ss_family == AF_INET6;
  const std::size_t length = v6 ? sizeof(in6_addr) : sizeof(in_addr);
  request.header.nlmsg_type = RTM_NEWADDR;
  request.header.nlmsg_flags = NLM_F_REQUEST | NLM_F_ACK | NLM_F_CREATE;
  request.header.nlmsg_len = static_cast<std::uint32_t>(offsetof(AddressRequest, address) + length);
  request.message.ifa_family = static_cast<std::uint8_t>(address.ss_family);
  request.message.ifa_prefixlen = static_cast<std::uint8_t>(length * 8);
  request.message.ifa_flags = v6 ? IFA_F_NODAD : 0;
  request.message.ifa_scope = RT_SCOPE_HOST;
  request.message.ifa_index = device;
  request.attribute.rta_type = IFA_LOCAL;
  request.attribute.rta_len = static_cast<std::uint16_t>(sizeof(rtattr) + length);
  if (v6) {
    std::memcpy(request.address.data(), &reinterpret_cast<const sockaddr_in6&>(address).sin6_addr,
                length);
  } else {
    std::memcpy(request.address.data(), &reinterpret_cast<const sockaddr_in&>(address).sin_addr,
                length);
  }
  return request;
}

bool exchange(int netlink, const AddressRequest& request) noexcept {
  if (::send(netlink, &request, request.header.nlmsg_len, 0) < 0) return false;
  alignas(nlmsghdr) std::array<char, 1024> answer{};
  const ssize_t length = ::recv(netlink, answer.data(), answer.size(), 0);
  if (length < static_cast<ssize_t>(sizeof(Acknowledgement))) {
    if (length >= 0) errno = EPROTO;
    return false;
  }
  Acknowledgement acknowledgement{};
  std::memcpy(&acknowledgement, answer.data(), sizeof(acknowledgement));
  errno = acknowledgement.header.nlmsg_type == NLMSG_ERROR ? -acknowledgement.error.error : EPROTO;
  return errno == 0 || errno == EEXIST;
}

// The kernel makes the route to a new IPv6 address a little later than the address itself; without
// it connect(2) says that the network is unreachable.
void wait_for_route(const sockaddr_storage& address) noexcept {
  constexpr timespec kMoment{0, 1'000'000};
  const int fd = ::socket(AF_INET6, SOCK_DGRAM | SOCK_CLOEXEC, 0);
  for (int i = 0; fd >= 0 && i < 200; ++i) {
    if (::connect(fd, reinterpret_cast<const sockaddr*>(&address), sizeof(sockaddr_in6)) == 0)
      break;
    ::nanosleep(&kMoment, nullptr);
  }
  ::close(fd);
}

// The directories above the last component.
bool make_parents(const char* path) noexcept {
  std::array<char, sizeof(sockaddr_un::sun_path)> parent{};
  std::memcpy(parent.data(), path, ::strnlen(path, parent.size() - 1));
  for (std::size_t i = 1; parent[i] != '\0'; ++i) {
    if (parent[i] != '/') continue;
    parent[i] = '\0';
    if (::mkdir(parent.data(), 0755) != 0 && errno != EEXIST) return false;
    parent[i] = '/';
  }
  return true;
}

}  // namespace

bool add_loopback_address(const sockaddr_storage& address) noexcept {
  const unsigned device = ::if_nametoindex("lo");
  if (device == 0) return false;
  const int netlink = ::socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, NETLINK_ROUTE);
  if (netlink < 0) return false;
  const bool added = exchange(netlink, request_for(address, device));
  const int error = errno;
  ::close(netlink);
  if (added && address.ss_family == AF_INET6) wait_for_route(address);
  errno = error;
  return added;
}

int make_listener(const ListenStep& step) noexcept {
  const int family = step.address.ss_family;
  const int fd = ::socket(
      family, (step.datagrams ? SOCK_DGRAM : SOCK_STREAM) | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
  if (fd < 0) return -1;
  const int on = 1;
  bool ready = true;
  if (family == AF_UNIX) {
    ready = make_parents(reinterpret_cast<const sockaddr_un&>(step.address).sun_path);
  } else {
    ready =
        ::setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on)) == 0 &&
        (family != AF_INET6 || ::setsockopt(fd, IPPROTO_IPV6, IPV6_V6ONLY, &on, sizeof(on)) == 0) &&
        (!step.add_address || add_loopback_address(step.address));
  }
  if (ready && ::bind(fd, reinterpret_cast<const sockaddr*>(&step.address), step.size) == 0 &&
      (step.datagrams || ::listen(fd, SOMAXCONN) == 0)) {
    return fd;
  }
  const int error = errno;
  ::close(fd);
  errno = error;
  return -1;
}

int connect_inside(std::uint16_t port) noexcept {
  const int fd = ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
  if (fd < 0) return -1;
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_port = htons(port);
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  if (::connect(fd, reinterpret_cast<const sockaddr*>(&address), sizeof(address)) == 0 ||
      errno == EINPROGRESS) {
    return fd;
  }
  const int error = errno;
  ::close(fd);
  errno = error;
  return -1;
}

bool hand_over(int control, const Handover& handover, int fd) noexcept {
  iovec content{const_cast<Handover*>(&handover), sizeof(handover)};
  alignas(cmsghdr) std::array<char, CMSG_SPACE(sizeof(int))> ancillary{};
  msghdr message{};
  message.msg_iov = &content;
  message.msg_iovlen = 1;
  if (fd >= 0) {
    message.msg_control = ancillary.data();
    message.msg_controllen = ancillary.size();
    cmsghdr* header = CMSG_FIRSTHDR(&message);
    header->cmsg_level = SOL_SOCKET;
    header->cmsg_type = SCM_RIGHTS;
    header->cmsg_len = CMSG_LEN(sizeof(int));
    std::memcpy(CMSG_DATA(header), &fd, sizeof(fd));
  }
  ssize_t n = 0;
  do {
    n = ::sendmsg(control, &message, MSG_NOSIGNAL);
  } while (n < 0 && errno == EINTR);
  return n == static_cast<ssize_t>(sizeof(handover));
}

}  // namespace mixguard::sandbox
