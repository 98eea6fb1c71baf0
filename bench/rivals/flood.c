/* No rival: sends TCP SYNs from many addresses, as fast as it can. They are never delivered, so have no TCP checksum. */
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <errno.h>
#include <net/ethernet.h>
#include <net/if.h>
#include <netinet/ip.h>
#include <netinet/tcp.h>
#include <netpacket/packet.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
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

int main(int argc, char **argv) {
  if (argc != 8) {
    fprintf(stderr, "usage: %s INTERFACE COUNT FIRSTSOURCE SOURCES SKIP DESTINATION PORT\n", argv[0]);
    return 2;
  }
  struct sockaddr_ll link = {.sll_family = AF_PACKET, .sll_ifindex = if_nametoindex(argv[1])};
  uint32_t left = strtoul(argv[2], NULL, 10), first = ntohl(inet_addr(argv[3]));
  uint32_t sources = strtoul(argv[4], NULL, 10), next = strtoul(argv[5], NULL, 10);
  int fd = socket(AF_PACKET, SOCK_RAW, 0);
  if (fd < 0 || bind(fd, (struct sockaddr *)&link, sizeof link) < 0) die("packet socket");
  setsockopt(fd, SOL_PACKET, PACKET_QDISC_BYPASS, &(int){1}, sizeof(int));

  static struct frame frames[BATCH];
  static struct iovec slots[BATCH];
  static struct mmsghdr messages[BATCH];
  for (int i = 0; i < BATCH; i++) {
    frames[i] = (struct frame){
        .ethernet = {.ether_dhost = {2, 0, 0, 0, 0, 1}, .ether_shost = {2, 0, 0, 0, 0, 2}, .ether_type = htons(0x0800)},
        .ip = {.version = 4, .ihl = 5, .tot_len = htons(40), .ttl = 64, .protocol = 6, .daddr = inet_addr(argv[6])},
        .tcp = {.dest = htons(atoi(argv[7])), .doff = 5, .syn = 1, .window = htons(65535)},
    };
    slots[i] = (struct iovec){&frames[i], sizeof frames[i]};
    messages[i].msg_hdr.msg_iov = &slots[i];
    messages[i].msg_hdr.msg_iovlen = 1;
  }
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
  return 0;
}
