/*
 * judge [-i INTERFACE]… [-a ADDRESS/LENGTH@INTERFACE]… [-f] [RULES]
 *
 * Asks the running kernel for its verdict on packets, in a network namespace of its own with a TUN device for each
 * interface, of which the first has the default route. -f: forwards. RULES: a file of nft's language. Needs root and nft.
 *
 * It reads, a line each:
 *   I INTERFACE HEX   a packet arrives: IP header first
 *   O INTERFACE HEX   a packet is sent by root, through that interface; "-": as it is routed
 *   W MILLISECONDS    waits
 *   X COMMAND         runs a shell command in its network; answered "X CODE"
 *   L LOADER BYTES    loads the text of so many bytes that follows, with nft or a restore command of iptables;
 *                     answered "L CODE TIME" and what the command said, its lines divided by |
 *   C                 answered "C" and the rules with their counters: nft's JSON, or the text of the save command that
 *                     belongs to the restore command, its lines divided by |; nothing if they cannot be listed
 *   N                 begins anew in a fresh network; answered "N NANOSECONDS", the time of day at time 0
 *   F                 writes its answers out
 *
 * and answers a line for each packet:
 *   NUMBER VERDICT EVENTS MARK BEFORE AFTER [ERROR] [HEX]
 *
 * Verdicts: accept, drop, reject:KIND, never-seen (not even at the first hook), lost-before-hook (not beyond
 * prerouting). Events: see taps.c. MARK in hex, of an accepted packet. BEFORE and AFTER enclose what happened, in
 * nanoseconds since the network was begun, from a jiffy's beginning on: BEFORE is in the jiffy that the kernel was in.
 * HEX: the packet that the kernel answered with.
 */
#define _GNU_SOURCE
#include "judge.h"

#include <errno.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#define MAX_TEXT (1 << 26)
/* Nanoseconds at a jiffy's end in which no packet is begun: it might be in the next one when it is judged. */
#define TOO_LATE 400000

static struct options options;
static int64_t origin, coarse_origin, jiffy;
static unsigned long number;

void die(const char *what) {
  fprintf(stderr, "judge: %s: %s\n", what, strerror(errno));
  exit(1);
}

void refuse(const char *what, const char *which) {
  fprintf(stderr, "judge: %s: %s\n", which, what);
  exit(2);
}

static int64_t clock_ns(clockid_t clock) {
  struct timespec time;
  clock_gettime(clock, &time);
  return time.tv_sec * 1000000000LL + time.tv_nsec;
}

/* Waits for the kernel to count a jiffy, which is time 0: both clocks' times then. */
static void set_origin(void) {
  struct timespec resolution;
  clock_getres(CLOCK_MONOTONIC_COARSE, &resolution);
  jiffy = resolution.tv_nsec;
  int64_t coarse = clock_ns(CLOCK_MONOTONIC_COARSE);
  do {
    origin = clock_ns(CLOCK_MONOTONIC);
    coarse_origin = clock_ns(CLOCK_MONOTONIC_COARSE);
  } while (coarse_origin == coarse);
}

/* The time, in the jiffy that the kernel has counted: on a busy machine it counts late. */
static int64_t kernel_time(void) {
  int64_t counted = (clock_ns(CLOCK_MONOTONIC_COARSE) - coarse_origin + jiffy / 2) / jiffy;
  int64_t time = clock_ns(CLOCK_MONOTONIC) - origin;
  if (time < counted * jiffy) return counted * jiffy;
  return time < (counted + 1) * jiffy ? time : (counted + 1) * jiffy - 1;
}

/* The time, once it is one at which a packet can be judged within its jiffy, as far as ticks come when they are due. */
static int64_t good_time(void) {
  while ((clock_ns(CLOCK_MONOTONIC) - origin) % jiffy > jiffy - TOO_LATE) continue;
  return kernel_time();
}

/* Stays on one processor: ct count forgets an entry at once only on the one that made it (find_or_evict). */
static void settle(void) {
  cpu_set_t allowed, one;
  if (sched_getaffinity(0, sizeof allowed, &allowed) < 0) die("sched_getaffinity");
  int which = getpid() % CPU_COUNT(&allowed), cpu = 0;
  while (!CPU_ISSET(cpu, &allowed) || which-- > 0) cpu++;
  CPU_ZERO(&one);
  CPU_SET(cpu, &one);
  if (sched_setaffinity(0, sizeof one, &one) < 0) die("sched_setaffinity");
}

static void begin(void) {
  network_fresh(&options);
  rules_forget();
  taps_open();
  set_origin();
}

static int nibble(char digit) {
  if (digit >= '0' && digit <= '9') return digit - '0';
  char lower = (char)(digit | 32);
  return lower >= 'a' && lower <= 'f' ? lower - 'a' + 10 : -1;
}

/* The bytes of hex digits; -1 if there is anything else, or too much. */
static int bytes_of(const char *hex, uint8_t *bytes) {
  int length = 0;
  for (; *hex != 0; hex += 2) {
    int high = nibble(hex[0]), low = high < 0 ? -1 : nibble(hex[1]);
    if (low < 0 || length == MAX_PACKET) return -1;
    bytes[length++] = (uint8_t)(high << 4 | low);
  }
  return length;
}

static void packet(bool arrives, char *interface, char *hex) {
  static uint8_t bytes[MAX_PACKET];
  struct sight sight;
  int length = hex == NULL ? -1 : bytes_of(hex, bytes);
  unsigned long which = number++;
  if (length < 0) {
    printf("%lu error no-packet\n", which);
    return;
  }
  int64_t before = good_time();
  int error = arrives ? network_arrive(interface, bytes, length) : network_send(interface, bytes, length);
  int64_t after = clock_ns(CLOCK_MONOTONIC) - origin;
  if (error < 0) {
    printf("%lu error no-such-interface\n", which);
    return;
  }
  taps_read(&sight);
  const char *verdict = taps_verdict(&sight, arrives);
  uint32_t mark = strcmp(verdict, "accept") == 0 ? sight.mark : 0;
  printf("%lu %s %s %x %lld %lld", which, verdict, sight.count > 0 ? sight.events : "-", mark, (long long)before,
         (long long)after);
  if (error > 0) printf(" errno=%d", error);
  if (sight.answer_length > 0) putchar(' ');
  for (size_t i = 0; i < sight.answer_length; i++) printf("%02x", sight.answer[i]);
  putchar('\n');
}

static int load(const char *loader, size_t length, char *said, size_t room) {
  char *text = malloc(length + 1);
  if (length > MAX_TEXT || text == NULL) refuse("too long", "a ruleset");
  if (fread(text, 1, length, stdin) != length) refuse("ends before its end", "a ruleset");
  int code = rules_load(loader, text, length, said, room);
  free(text);
  for (char *at = said; (at = strchr(at, '\n')) != NULL;) *at = at[1] == 0 ? 0 : '|';
  return code;
}

/* What was sent and seen meanwhile belongs to no packet. */
static void forget(void) {
  struct sight sight;
  taps_read(&sight);
}

static void obey(char *line) {
  char said[4096] = "";
  char *first = strchr(line, ' ');
  char *second = first == NULL ? NULL : strchr(first + 1, ' ');
  first = first == NULL ? line + strlen(line) : first + 1;
  switch (line[0]) {
    case 'I':
    case 'O':
      if (second != NULL) *second++ = 0;
      packet(line[0] == 'I', first, second);
      return;
    case 'W':
      usleep((useconds_t)strtoul(first, NULL, 10) * 1000);
      return;
    case 'X':
      printf("X %d\n", rules_shell(first));
      break;
    case 'L': {
      if (second == NULL) refuse("no number of bytes", line);
      *second++ = 0;
      int code = load(first, strtoul(second, NULL, 10), said, sizeof said);
      printf("L %d %lld %s\n", code, (long long)kernel_time(), said);
      break;
    }
    case 'C':
      rules_list();
      break;
    case 'N':
      begin();
      printf("N %lld\n", (long long)(origin + clock_ns(CLOCK_REALTIME) - clock_ns(CLOCK_MONOTONIC)));
      break;
    case 'F':
      fflush(stdout);
      return;
    default:
      return;
  }
  forget();
  fflush(stdout);
}

static void read_options(int count, char **values) {
  for (int option; (option = getopt(count, values, "i:a:f")) != -1;) {
    switch (option) {
      case 'i':
        if (options.interface_count == MAX_INTERFACES) refuse("one interface too many", optarg);
        options.interfaces[options.interface_count++] = optarg;
        break;
      case 'a':
        if (options.address_count == MAX_ADDRESSES) refuse("one address too many", optarg);
        options.addresses[options.address_count++] = optarg;
        break;
      case 'f':
        options.forward = true;
        break;
      default:
        exit(2);
    }
  }
  if (options.interface_count == 0) options.interfaces[options.interface_count++] = "eth0";
}

static void load_file(const char *path) {
  char said[4096], command[4200];
  int code = rules_load("nft", "", 0, said, sizeof said);
  snprintf(command, sizeof command, "exec nft -f '%s'", path);
  if (code == 0) code = rules_shell(command);
  if (code != 0) refuse("nft refuses it", path);
  forget();
}

int main(int count, char **values) {
  static char line[2 * MAX_PACKET + 64];
  signal(SIGPIPE, SIG_IGN);
  read_options(count, values);
  settle();
  begin();
  if (optind < count) load_file(values[optind]);
  while (fgets(line, sizeof line, stdin) != NULL) {
    line[strcspn(line, "\n")] = 0;
    obey(line);
  }
  return 0;
}
