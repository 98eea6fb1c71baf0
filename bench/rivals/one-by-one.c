/* A consumer as libnetfilter_queue's example has it, without the library: one recv, one verdict. */
#include "queue.h"

static void drain(int fd, uint16_t queue, unsigned long count, uint32_t verdict) {
  static uint8_t data[65536] __attribute__((aligned(8)));
  while (count > 0) {
    uint32_t id;
    ssize_t size = recv(fd, data, sizeof data, 0);
    if (size < 0) die("recv");
    if (!packet_id(data, size, &id)) continue;
    answer(fd, queue, NFQNL_MSG_VERDICT, id, verdict);
    count--;
  }
}

int main(int argc, char **argv) { return serve(argc, argv, drain); }
