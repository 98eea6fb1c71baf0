/* What is seen of a packet: nflog messages from a rule at either end of each hook. */
#define _GNU_SOURCE
#include "judge.h"

#include <arpa/inet.h>
#include <errno.h>
#include <linux/netfilter/nfnetlink.h>
#include <linux/netfilter/nfnetlink_log.h>
#include <linux/netlink.h>
#include <netinet/in.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#define GROUP 64000
/* Enough of a packet to tell what kind it is. */
#define COPIED 256

/*
 * The last tap of input and of postrouting swallows the packet. Of chains with the same priority, the one that came
 * first runs last: the taps come before everything else, connection tracking's confirmation included, which therefore is
 * over when they see a packet. What the host sends and is not ours (the answers of reject) is seen and goes no further;
 * what it tells its neighbours is not even seen.
 */
const char TAPS[] =
    "table inet portcullis_taps {\n"
    " chain s { type filter hook prerouting priority -2147483648; log prefix \"s\" group 64000; }\n"
    " chain e { type filter hook prerouting priority 2147483647; log prefix \"e\" group 64000; }\n"
    " chain i { type filter hook input priority -2147483648; log prefix \"i\" group 64000; }\n"
    " chain a { type filter hook input priority 2147483647; log prefix \"a\" group 64000 drop; }\n"
    " chain f { type filter hook forward priority -2147483648; log prefix \"f\" group 64000; }\n"
    " chain g { type filter hook forward priority 2147483647; log prefix \"g\" group 64000; }\n"
    " chain o { type filter hook output priority -2147483648;\n"
    "  socket transparent 1 log prefix \"o\" group 64000 accept\n"
    "  icmpv6 type { 130-136, 143 } drop; meta l4proto igmp drop; log prefix \"r\" group 64000 drop; }\n"
    " chain p { type filter hook output priority 2147483647; log prefix \"p\" group 64000; }\n"
    " chain t { type filter hook postrouting priority 2147483647; log prefix \"t\" group 64000 drop; }\n"
    "}\n";

static int fd = -1;
static unsigned long lost;

static void configure(uint16_t attribute, const void *data, size_t length) {
  struct nfgenmsg head = {.nfgen_family = AF_UNSPEC, .res_id = htons(GROUP)};
  struct request request;
  netlink_begin(&request, (NFNL_SUBSYS_ULOG << 8) | NFULNL_MSG_CONFIG, 0, &head, sizeof head);
  netlink_attribute(&request, attribute, data, length);
  int error = netlink_ask(fd, &request);
  if (error == 0) return;
  errno = error;
  die("nflog");
}

void taps_open(void) {
  if (fd >= 0) close(fd);
  fd = netlink_open(NETLINK_NETFILTER);
  int room = 1 << 26;
  if (setsockopt(fd, SOL_SOCKET, SO_RCVBUFFORCE, &room, sizeof room) < 0)
    setsockopt(fd, SOL_SOCKET, SO_RCVBUF, &room, sizeof room);
  struct nfulnl_msg_config_cmd bind = {.command = NFULNL_CFG_CMD_BIND};
  struct nfulnl_msg_config_mode mode = {.copy_range = htonl(COPIED), .copy_mode = NFULNL_COPY_PACKET};
  uint32_t at_once = htonl(1);
  configure(NFULA_CFG_CMD, &bind, sizeof bind);
  configure(NFULA_CFG_MODE, &mode, sizeof mode);
  configure(NFULA_CFG_QTHRESH, &at_once, sizeof at_once);
}

static void note(struct sight *sight, const uint8_t *attributes, size_t length) {
  char event = '?';
  uint32_t mark = 0;
  const uint8_t *payload = NULL;
  size_t payload_length = 0;
  for (size_t at = 0; at + NLA_HDRLEN <= length;) {
    struct nlattr head;
    memcpy(&head, attributes + at, sizeof head);
    if (head.nla_len < NLA_HDRLEN || head.nla_len > length - at) break;
    const uint8_t *data = attributes + at + NLA_HDRLEN;
    size_t size = head.nla_len - NLA_HDRLEN;
    switch (head.nla_type & NLA_TYPE_MASK) {
      case NFULA_PREFIX:
        event = (char)data[0];
        break;
      case NFULA_MARK:
        memcpy(&mark, data, sizeof mark);
        mark = ntohl(mark);
        break;
      case NFULA_PAYLOAD:
        payload = data;
        payload_length = size;
        break;
    }
    at += NLA_ALIGN(head.nla_len);
  }
  if (sight->count < (int)sizeof sight->events - 1) sight->events[sight->count++] = event;
  sight->events[sight->count] = 0;
  if (strchr("at", event) != NULL) sight->mark = mark;
  if (event != 'r' || sight->answer_length > 0) return;
  sight->answer_length = payload_length < sizeof sight->answer ? payload_length : sizeof sight->answer;
  memcpy(sight->answer, payload, sight->answer_length);
}

void taps_read(struct sight *sight) {
  static uint8_t buffer[1 << 17] __attribute__((aligned(8)));
  sight->count = 0;
  sight->events[0] = 0;
  sight->mark = 0;
  sight->answer_length = 0;
  for (;;) {
    ssize_t received = recv(fd, buffer, sizeof buffer, MSG_DONTWAIT);
    if (received < 0) {
      if (errno == EAGAIN) return;
      if (errno != ENOBUFS) die("nflog");
      fprintf(stderr, "judge: %lu messages of nflog are lost: verdicts may be wrong\n", ++lost);
      continue;
    }
    int left = (int)received;
    for (struct nlmsghdr *message = (void *)buffer; NLMSG_OK(message, left); message = NLMSG_NEXT(message, left)) {
      if (message->nlmsg_type != ((NFNL_SUBSYS_ULOG << 8) | NFULNL_MSG_PACKET)) continue;
      size_t head = NLMSG_ALIGN(sizeof(struct nfgenmsg));
      note(sight, (uint8_t *)NLMSG_DATA(message) + head, message->nlmsg_len - NLMSG_LENGTH(head));
    }
  }
}

static const char *answer_kind(const struct sight *sight) {
  static char kind[32];
  const uint8_t *packet = sight->answer;
  size_t length = sight->answer_length;
  bool six = length > 0 && packet[0] >> 4 == 6;
  size_t transport = six ? 40 : length > 0 ? (packet[0] & 15U) * 4 : 0;
  if (length < transport + 2 || transport < 20) return "reject:?";
  if (packet[six ? 6 : 9] == IPPROTO_TCP) return "reject:tcp-reset";
  snprintf(kind, sizeof kind, "reject:%s-%u/%u", six ? "icmpv6" : "icmp", packet[transport], packet[transport + 1]);
  return kind;
}

const char *taps_verdict(const struct sight *sight, bool arrived) {
  const char *events = sight->events;
  bool seen = strchr(events, arrived ? 's' : 'o') != NULL;
  bool hooked = !arrived || strchr(events, 'i') != NULL || strchr(events, 'f') != NULL;
  bool through = strchr(events, 'a') != NULL || strchr(events, 't') != NULL;
  if (!seen) return "never-seen";
  if (through) return "accept";
  if (strchr(events, 'r') != NULL) return answer_kind(sight);
  return hooked ? "drop" : "lost-before-hook";
}
