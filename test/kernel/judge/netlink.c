#include "judge.h"

#include <errno.h>
#include <linux/netlink.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

_Static_assert(sizeof(struct nlmsghdr) == 16, "a request begins with netlink's header");

int netlink_open(int protocol) {
  int fd = socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, protocol);
  struct sockaddr_nl self = {.nl_family = AF_NETLINK};
  if (fd < 0 || bind(fd, (struct sockaddr *)&self, sizeof self) < 0) die("netlink");
  return fd;
}

void netlink_begin(struct request *request, uint16_t type, uint16_t flags, const void *header, size_t length) {
  memset(request, 0, sizeof *request);
  request->length = NLMSG_LENGTH(length);
  request->type = type;
  request->flags = NLM_F_REQUEST | NLM_F_ACK | flags;
  memcpy(request->bytes + NLMSG_HDRLEN, header, length);
}

void netlink_attribute(struct request *request, uint16_t type, const void *data, size_t length) {
  size_t at = NLMSG_ALIGN(request->length);
  struct nlattr head = {.nla_len = NLA_HDRLEN + length, .nla_type = type};
  memcpy(request->bytes + at, &head, sizeof head);
  memcpy(request->bytes + at + NLA_HDRLEN, data, length);
  request->length = at + NLA_ALIGN(head.nla_len);
}

int netlink_ask(int fd, struct request *request) {
  char answer[4096];
  if (send(fd, request->bytes, request->length, 0) < 0) return errno;
  ssize_t length = recv(fd, answer, sizeof answer, 0);
  if (length < 0) return errno;
  struct nlmsghdr head;
  struct nlmsgerr error;
  memcpy(&head, answer, sizeof head);
  if (head.nlmsg_type != NLMSG_ERROR) return 0;
  memcpy(&error, answer + NLMSG_HDRLEN, sizeof error);
  return -error.error;
}
