#include "netfilter.h"

#include <errno.h>
#include <linux/netlink.h>
#include <sys/socket.h>
#include <unistd.h>

/* What the kernel takes from a socket's buffer for its own use (netlink_sendmsg, af_netlink.c). */
enum { OVERHEAD = 32 };

static void grow(int descriptor, int forced, int plain, uint32_t bytes) {
  int wanted = bytes;
  if (setsockopt(descriptor, SOL_SOCKET, forced, &wanted, sizeof wanted) < 0)
    setsockopt(descriptor, SOL_SOCKET, plain, &wanted, sizeof wanted);
}

int nfq_netfilter_open(uint32_t buffer, struct nfq_failure *failure) {
  int descriptor = nfq_netlink_open(failure);
  if (descriptor < 0) return -1;
  grow(descriptor, SO_SNDBUFFORCE, SO_SNDBUF, buffer);
  grow(descriptor, SO_RCVBUFFORCE, SO_RCVBUF, buffer);
  return descriptor;
}

uint32_t nfq_netfilter_limit(int descriptor) {
  int bytes = 0;
  socklen_t size = sizeof bytes;
  getsockopt(descriptor, SOL_SOCKET, SO_SNDBUF, &bytes, &size);
  return bytes > OVERHEAD ? bytes - OVERHEAD : 0;
}

int nfq_netfilter_send(int descriptor, const void *data, size_t size) {
  ssize_t sent;
  do sent = send(descriptor, data, size, MSG_DONTWAIT);
  while (sent < 0 && errno == EINTR);
  return sent < 0 ? errno : 0;
}

ssize_t nfq_netfilter_receive(int descriptor, void *data, size_t size) {
  ssize_t received;
  do received = recv(descriptor, data, size, MSG_DONTWAIT | MSG_TRUNC);
  while (received < 0 && errno == EINTR);
  if (received < 0 && errno == EAGAIN) return 0;
  if (received > (ssize_t)size) {
    errno = EMSGSIZE;
    return -1;
  }
  return received;
}
