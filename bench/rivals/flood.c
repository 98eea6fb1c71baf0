/*
 * No rival: sends TCP SYNs from many addresses, as fast as it can; never delivered, so without a TCP checksum.
 * Each line on stdin is an order, "COUNT FIRSTSOURCE SOURCES SKIP DESTINATION PORT"; the answer is a line too.
 */
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <errno.h>
#include <net/ethernet.h>
#include <net/if.h>
#include <netinet/ip.h>
#include <netinet/tcp.h>
#include <netpacket/packet.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>

#define BATCH 64

struct frame {
  struct ether_header ethernet;
  struct iphdr ip;
  struct tcphdr tcp;
} __attribute__((packed));

static void die(const char *what) {
  fprintf(stderr, "%s: %s\n", what, strerror(errno));
  exit(1);
}

static uint16_t checksum(const void *header, size_t size) {
  uint32_t sum = 0;
  for (size_t i = 0; i < size; i += 2) {
    uint16_t word;
    memcpy(&word, (const uint8_t *)header + i, sizeof word);
    sum += word;
  }
  while (sum >> 16) sum = (sum & 0xffff) + (sum >> 16);
  return ~sum;
}

static struct frame frames[BATCH];
static struct iovec slots[BATCH];
static struct mmsghdr messages[BATCH];

static void address(const char *destination, uint16_t port) {
  for (int i = 0; i < BATCH; i++) {
    frames[i] = (struct frame){
        .ethernet = {.ether_dhost = {2, 0, 0, 0, 0, 1}, .ether_shost = {2, 0, 0, 0, 0, 2}, .ether_type = htons(0x0800)},
        .ip = {.version = 4, .ihl = 5, .tot_len = htons(40), .ttl = 64, .protocol = 6, .daddr = inet_addr(destination)},
        .tcp = {.dest = htons(port), .doff = 5, .syn = 1, .window = htons(65535)},
    };
    slots[i] = (struct iovec){&frames[i], sizeof frames[i]};
    messages[i].msg_hdr.msg_iov = &slots[i];
    messages[i].msg_hdr.msg_iovlen = 1;
  }
}

static void send_all(int fd, uint32_t left, uint32_t first, uint32_t sources, uint32_t next) {
  while (left > 0) {
    uint32_t count = left < BATCH ? left : BATCH;
    for (uint32_t i = 0; i < count; i++, next++) {
      frames[i].ip.saddr = htonl(first + next % sources);
      frames[i].tcp.source = htons(1024 + next % 60000);
      frames[i].ip.check = 0;
      frames[i].ip.check = checksum(&frames[i].ip, sizeof frames[i].ip);
    }
    for (uint32_t sent = 0; sent < count;) {
      int result = sendmmsg(fd, messages + sent, count - sent, 0);
      if (result > 0) sent += result;
      else if (errno != ENOBUFS && errno != EAGAIN && errno != EINTR) die("sendmmsg");
    }
    left -= count;
  }
}

int main(int argc, char **argv) {
  uint32_t count, sources, skip;
  uint16_t port;
  char first[16], destination[16];
  if (argc != 2) {
    fprintf(stderr, "usage: %s INTERFACE\n", argv[0]);
    return 2;
  }
  prctl(PR_SET_PDEATHSIG, SIGKILL);
  struct sockaddr_ll link = {.sll_family = AF_PACKET, .sll_ifindex = if_nametoindex(argv[1])};
  int fd = socket(AF_PACKET, SOCK_RAW, 0);
  if (fd < 0 || bind(fd, (struct sockaddr *)&link, sizeof link) < 0) die("packet socket");
  setsockopt(fd, SOL_PACKET, PACKET_QDISC_BYPASS, &(int){1}, sizeof(int));
  while (scanf("%u %15s %u %u %15s %hu", &count, first, &sources, &skip, destination, &port) == 6) {
    address(destination, port);
    send_all(fd, count, ntohl(inet_addr(first)), sources, skip);
    puts("sent");
    fflush(stdout);
  }
  return 0;
}
