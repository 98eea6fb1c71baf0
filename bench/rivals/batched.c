/* The kernel's own limit: recvmmsg, a verdict for all that was read, and nothing else. */
#define _GNU_SOURCE
#include "queue.h"

#define BATCH 256
#define SLOT 2048

static uint8_t data[BATCH][SLOT] __attribute__((aligned(64)));
static struct iovec slots[BATCH];
static struct mmsghdr messages[BATCH];

static void drain(int fd, uint16_t queue, unsigned long count, uint32_t verdict) {
  while (count > 0) {
    int read = recvmmsg(fd, messages, BATCH, MSG_WAITFORONE, NULL);
    if (read < 0) die("recvmmsg");
    /* Nothing but packets comes as long as every verdict is right: the last one's id will do. */
    uint32_t id;
    if (!packet_id(data[read - 1], messages[read - 1].msg_len, &id)) {
      errno = EPROTO;
      die("a message that is no packet");
    }
    answer(fd, queue, NFQNL_MSG_VERDICT_BATCH, id, verdict);
    count -= (unsigned long)read < count ? (unsigned long)read : count;
  }
}

int main(int argc, char **argv) {
  for (int i = 0; i < BATCH; i++) {
    slots[i] = (struct iovec){data[i], SLOT};
    messages[i].msg_hdr.msg_iov = &slots[i];
    messages[i].msg_hdr.msg_iovlen = 1;
  }
  return serve(argc, argv, drain);
}
