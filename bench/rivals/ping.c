/* No rival: a byte to and fro over TCP. `ping PORT` echoes; `ping PORT ADDRESS COUNT` prints its round trips, in ns. */
#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

/* Round trips that do not count: caches, slow start, and acknowledgements that are not delayed yet. */
#define WARM_UP 200

static void die(const char *what) {
  fprintf(stderr, "%s: %s\n", what, strerror(errno));
  exit(1);
}

static void option(int fd, int level, int name, const void *value, socklen_t size) {
  if (setsockopt(fd, level, name, value, size) < 0) die("setsockopt");
}

static void echo(int fd, const struct sockaddr_in *address) {
  option(fd, SOL_SOCKET, SO_REUSEADDR, &(int){1}, sizeof(int));
  if (bind(fd, (const struct sockaddr *)address, sizeof *address) < 0 || listen(fd, 8) < 0) die("listen");
  puts("ready");
  fflush(stdout);
  for (;;) {
    char byte;
    int peer = accept(fd, NULL, NULL);
    if (peer < 0) die("accept");
    option(peer, IPPROTO_TCP, TCP_NODELAY, &(int){1}, sizeof(int));
    while (recv(peer, &byte, 1, 0) == 1 && send(peer, &byte, 1, MSG_NOSIGNAL) == 1) continue;
    close(peer);
  }
}

static void measure(int fd, const struct sockaddr_in *address, int count) {
  struct timeval patience = {.tv_sec = 3};
  option(fd, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof patience);
  option(fd, SOL_SOCKET, SO_SNDTIMEO, &patience, sizeof patience);
  option(fd, IPPROTO_TCP, TCP_NODELAY, &(int){1}, sizeof(int));
  if (connect(fd, (const struct sockaddr *)address, sizeof *address) < 0) die("connect");
  for (int i = -WARM_UP; i < count; i++) {
    struct timespec start, end;
    char byte = 0;
    clock_gettime(CLOCK_MONOTONIC, &start);
    if (send(fd, &byte, 1, 0) != 1 || recv(fd, &byte, 1, 0) != 1) die("round trip");
    clock_gettime(CLOCK_MONOTONIC, &end);
    if (i >= 0) printf("%lld\n", (end.tv_sec - start.tv_sec) * 1000000000LL + end.tv_nsec - start.tv_nsec);
  }
}

int main(int argc, char **argv) {
  if (argc != 2 && argc != 4) {
    fprintf(stderr, "usage: %s PORT [ADDRESS COUNT]\n", argv[0]);
    return 2;
  }
  prctl(PR_SET_PDEATHSIG, SIGKILL);
  struct sockaddr_in address = {.sin_family = AF_INET, .sin_port = htons(atoi(argv[1]))};
  int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  if (fd < 0) die("socket");
  if (argc == 2) echo(fd, &address);
  address.sin_addr.s_addr = inet_addr(argv[2]);
  measure(fd, &address, atoi(argv[3]));
  return 0;
}
