/* What the rivals share: a socket bound to a queue with our addon's settings, and the orders on stdin. */
#ifndef RIVALS_QUEUE_H
#define RIVALS_QUEUE_H

#include <arpa/inet.h>
#include <errno.h>
#include <linux/netfilter.h>
#include <linux/netfilter/nfnetlink_queue.h>
#include <linux/netlink.h>
#include <signal.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#define PACKET (NFNL_SUBSYS_QUEUE << 8 | NFQNL_MSG_PACKET)

struct settings {
  uint16_t queue;
  uint32_t maximum_length, receive_buffer, copy_range;
};

/* A verdict on one packet (NFQNL_MSG_VERDICT), or on all up to an id (NFQNL_MSG_VERDICT_BATCH). */
struct verdict {
  struct nlmsghdr netlink;
  struct nfgenmsg netfilter;
  struct nlattr attribute;
  struct nfqnl_msg_verdict_hdr value;
};

static void die(const char *what) {
  fprintf(stderr, "%s: %s\n", what, strerror(errno));
  exit(1);
}

/* Sends one setting and waits for the kernel's answer. */
static void set(int fd, uint16_t queue, uint16_t type, const void *value, size_t size) {
  struct {
    struct nlmsghdr netlink;
    struct nfgenmsg netfilter;
    uint8_t attributes[64];
  } request = {
      .netlink = {.nlmsg_len = NLMSG_HDRLEN + sizeof(struct nfgenmsg),
                  .nlmsg_type = NFNL_SUBSYS_QUEUE << 8 | NFQNL_MSG_CONFIG,
                  .nlmsg_flags = NLM_F_REQUEST | NLM_F_ACK},
      .netfilter = {.version = NFNETLINK_V0, .res_id = htons(queue)},
  };
  struct nlattr header = {.nla_len = NLA_HDRLEN + size, .nla_type = type};
  memcpy(request.attributes, &header, sizeof header);
  memcpy(request.attributes + NLA_HDRLEN, value, size);
  request.netlink.nlmsg_len += NLA_ALIGN(header.nla_len);
  if (type == NFQA_CFG_FLAGS) {
    /* The mask belongs to the flags: it takes the same value, as nothing else is to change. */
    header.nla_type = NFQA_CFG_MASK;
    memcpy(request.attributes + NLA_ALIGN(header.nla_len), &header, sizeof header);
    memcpy(request.attributes + NLA_ALIGN(header.nla_len) + NLA_HDRLEN, value, size);
    request.netlink.nlmsg_len += NLA_ALIGN(header.nla_len);
  }
  if (send(fd, &request, request.netlink.nlmsg_len, 0) < 0) die("send");
  struct {
    struct nlmsghdr netlink;
    struct nlmsgerr error;
    uint8_t rest[256];
  } reply;
  do {
    if (recv(fd, &reply, sizeof reply, 0) < 0) die("recv");
  } while (reply.netlink.nlmsg_type != NLMSG_ERROR);
  errno = -reply.error.error;
  if (errno) die("the queue's settings");
}

static int open_queue(const struct settings *settings) {
  int on = 1, bytes = settings->receive_buffer;
  struct sockaddr_nl kernel = {.nl_family = AF_NETLINK};
  int fd = socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, NETLINK_NETFILTER);
  if (fd < 0 || connect(fd, (struct sockaddr *)&kernel, sizeof kernel) < 0) die("socket");
  if (setsockopt(fd, SOL_NETLINK, NETLINK_NO_ENOBUFS, &on, sizeof on) < 0) die("NETLINK_NO_ENOBUFS");
  if (setsockopt(fd, SOL_SOCKET, SO_RCVBUFFORCE, &bytes, sizeof bytes) < 0)
    setsockopt(fd, SOL_SOCKET, SO_RCVBUF, &bytes, sizeof bytes);
  set(fd, settings->queue, NFQA_CFG_CMD, &(struct nfqnl_msg_config_cmd){.command = NFQNL_CFG_CMD_BIND},
      sizeof(struct nfqnl_msg_config_cmd));
  set(fd, settings->queue, NFQA_CFG_FLAGS, &(uint32_t){htonl(NFQA_CFG_F_GSO)}, 4);
  set(fd, settings->queue, NFQA_CFG_QUEUE_MAXLEN, &(uint32_t){htonl(settings->maximum_length)}, 4);
  /* Last, as packets come from here on. */
  set(fd, settings->queue, NFQA_CFG_PARAMS,
      &(struct nfqnl_msg_config_params){.copy_range = htonl(settings->copy_range), .copy_mode = NFQNL_COPY_PACKET},
      sizeof(struct nfqnl_msg_config_params));
  return fd;
}

/* The id of a packet; false if the message is none. */
static int packet_id(const uint8_t *data, size_t size, uint32_t *id) {
  const struct nlmsghdr *message = (const struct nlmsghdr *)data;
  if (size < NLMSG_HDRLEN + sizeof(struct nfgenmsg) || message->nlmsg_type != PACKET) return 0;
  for (size_t at = NLMSG_HDRLEN + sizeof(struct nfgenmsg); at + NLA_HDRLEN <= size;) {
    const struct nlattr *attribute = (const struct nlattr *)(data + at);
    if (attribute->nla_len < NLA_HDRLEN || attribute->nla_len > size - at) return 0;
    if ((attribute->nla_type & NLA_TYPE_MASK) == NFQA_PACKET_HDR) {
      const struct nfqnl_msg_packet_hdr *header = (const void *)(data + at + NLA_HDRLEN);
      memcpy(id, &header->packet_id, sizeof *id);
      return 1;
    }
    at += NLA_ALIGN(attribute->nla_len);
  }
  return 0;
}

/* `id` as it came: in network order. */
static void answer(int fd, uint16_t queue, uint8_t type, uint32_t id, uint32_t verdict) {
  struct verdict message = {
      .netlink = {.nlmsg_len = sizeof message, .nlmsg_type = NFNL_SUBSYS_QUEUE << 8 | type, .nlmsg_flags = NLM_F_REQUEST},
      .netfilter = {.version = NFNETLINK_V0, .res_id = htons(queue)},
      .attribute = {.nla_len = NLA_HDRLEN + sizeof message.value, .nla_type = NFQA_VERDICT_HDR},
      .value = {.verdict = htonl(verdict), .id = id},
  };
  if (send(fd, &message, sizeof message, 0) < 0) die("verdict");
}

/*
 * The main function of a rival: QUEUE MAXLENGTH RECEIVEBUFFER COPYRANGE. Each line on stdin, "COUNT VERDICT",
 * has `drain` read and answer that many packets; the nanoseconds it took are the answer on stdout.
 */
static int serve(int argc, char **argv, void (*drain)(int fd, uint16_t queue, unsigned long count, uint32_t verdict)) {
  unsigned long count;
  unsigned verdict;
  struct timespec start, end;
  if (argc != 5) {
    fprintf(stderr, "usage: %s QUEUE MAXLENGTH RECEIVEBUFFER COPYRANGE\n", argv[0]);
    return 2;
  }
  prctl(PR_SET_PDEATHSIG, SIGKILL);
  struct settings settings = {atoi(argv[1]), atoi(argv[2]), atoi(argv[3]), atoi(argv[4])};
  int fd = open_queue(&settings);
  puts("ready");
  fflush(stdout);
  while (scanf("%lu %u", &count, &verdict) == 2) {
    clock_gettime(CLOCK_MONOTONIC, &start);
    drain(fd, settings.queue, count, verdict);
    clock_gettime(CLOCK_MONOTONIC, &end);
    printf("%lld\n", (end.tv_sec - start.tv_sec) * 1000000000LL + end.tv_nsec - start.tv_nsec);
    fflush(stdout);
  }
  return 0;
}

#endif
