/* The judge: asks the running kernel for its verdict, packet by packet. See main.c for what it is told and answers. */
#ifndef JUDGE_H
#define JUDGE_H

#include <net/if.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define MAX_INTERFACES 16
#define MAX_ADDRESSES 64
#define MAX_PACKET 65535

struct options {
  const char *interfaces[MAX_INTERFACES];
  int interface_count;
  /* ADDRESS/LENGTH@INTERFACE */
  const char *addresses[MAX_ADDRESSES];
  int address_count;
  bool forward;
};

/* Ends the program with a message and what errno says. */
_Noreturn void die(const char *what);
/* The same without errno. */
_Noreturn void refuse(const char *what, const char *which);

/* network.c: the network namespace, its interfaces, addresses and routes. */
void network_fresh(const struct options *options);
/* Lets a packet arrive on an interface: 0, or an errno; -1 if there is no such interface. */
int network_arrive(const char *interface, const uint8_t *packet, size_t length);
/* Sends a packet from a socket of root's, bound to an interface unless that is "-": 0, or an errno. */
int network_send(const char *interface, const uint8_t *packet, size_t length);

/* netlink.c: requests and their acknowledgements. */
struct request {
  union {
    char bytes[512];
    struct {
      uint32_t length;
      uint16_t type, flags;
      uint32_t sequence, port;
    };
  };
};
int netlink_open(int protocol);
/* Begins a request with a header of its own kind behind netlink's. */
void netlink_begin(struct request *request, uint16_t type, uint16_t flags, const void *header, size_t length);
void netlink_attribute(struct request *request, uint16_t type, const void *data, size_t length);
/* Sends a request and waits for its acknowledgement: 0, or an errno. */
int netlink_ask(int fd, struct request *request);

/* taps.c: what is seen of a packet at the ends of each hook. */
extern const char TAPS[];
struct sight {
  /* A letter for each tap, in the order in which the packet passed them. */
  char events[64];
  int count;
  /* At the last tap of input or of postrouting. */
  uint32_t mark;
  /* The first packet that the kernel made meanwhile. */
  uint8_t answer[512];
  size_t answer_length;
};
void taps_open(void);
/* What was seen since the last time. */
void taps_read(struct sight *sight);
/* The verdict that follows from what was seen; arrived: of a packet that came in, else of one that was sent. */
const char *taps_verdict(const struct sight *sight, bool arrived);

/* rules.c: rulesets in and out. */
/* Forgets that the taps are in place, as the network is a new one. */
void rules_forget(void);
/* Loads a text with nft or one of iptables' restore commands. 0 or the command's exit code; what it said is in `said`. */
int rules_load(const char *command, const char *text, size_t length, char *said, size_t room);
/* Runs a shell command, in the judge's network; its output goes to standard error. */
int rules_shell(const char *command);
/* Prints what the kernel knows of the rules, counters included: JSON of nft, or what a save command says, on a line. */
void rules_list(void);

#endif
