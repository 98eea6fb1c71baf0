/* The netlink socket of a queue: opening, binding, configuring, adopting. No N-API. */
#ifndef NFQ_SOCKET_H
#define NFQ_SOCKET_H

#include <stdbool.h>
#include <stdint.h>

struct nfq_settings {
  uint16_t queue;
  uint32_t copy_range;     /* bytes; 0 asks for no payload */
  uint32_t maximum_length; /* packets */
  uint32_t flags;          /* NFQA_CFG_F_*; what is not named is switched off */
  uint32_t receive_buffer; /* bytes */
};

/* What failed: `step` is a constant string that lib/errors.js explains; `step` NULL: nothing. */
struct nfq_failure {
  const char *step;
  int error;      /* errno */
  uint32_t flags; /* step "flags": those that the kernel refuses */
};

struct nfq_buffer {
  int bytes;   /* what the kernel grants; it doubles what it was asked for, for its own overhead */
  bool forced; /* by SO_RCVBUFFORCE, above net.core.rmem_max */
};

/*
 * Opens a socket and binds the queue to it; it receives packets from here on. Returns the descriptor,
 * or -1 with `failure` set.
 */
int nfq_socket_open(const struct nfq_settings *settings, struct nfq_buffer *buffer, struct nfq_failure *failure);

/*
 * Takes over a socket that has a queue bound to it. Packets may be waiting in it, so the kernel's
 * answers to the new settings cannot be waited for: refusals come with the packets, as replies with a
 * sequence number other than 0. Returns false with `failure` set; the descriptor stays the caller's.
 */
bool nfq_socket_adopt(int descriptor, const struct nfq_settings *settings, struct nfq_buffer *buffer,
                      struct nfq_failure *failure);

/* Whether this process may talk to nfnetlink_queue, and whether it is there at all. Changes nothing. */
bool nfq_socket_probe(struct nfq_failure *failure);

/* The netlink port of a NETLINK_NETFILTER socket; 0 with `failure` set if it is not one. */
uint32_t nfq_socket_port(int descriptor, struct nfq_failure *failure);

/* The step that the setting with this sequence number belongs to. */
const char *nfq_setting_step(uint32_t sequence);

#endif
