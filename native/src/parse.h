/* Reading one netlink message of the queue. Pure: no system call, no allocation, no N-API. */
#ifndef NFQ_PARSE_H
#define NFQ_PARSE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define NFQ_UNKNOWN UINT32_MAX /* an id or a conntrack info that the kernel did not send */

enum nfq_kind {
  NFQ_PACKET,  /* a packet, complete in `struct nfq_packet` */
  NFQ_REPLY,   /* an answer to one of our requests: `error` and `sequence` */
  NFQ_BROKEN,  /* a packet that cannot be trusted; `has_id` says if it can be answered */
  NFQ_FOREIGN, /* whole, but nothing that the queue ever sends */
};

/* What one message says. Integers in host order; 0 where the kernel sent nothing, unless noted. */
struct nfq_packet {
  uint32_t id;
  bool has_id;
  uint8_t hook;
  uint16_t protocol; /* ethertype */
  uint32_t mark;
  uint32_t input_interface;
  uint32_t output_interface;
  uint8_t hardware_address[8];
  uint8_t hardware_address_length; /* 0..8 */
  double timestamp;                /* nanoseconds since 1970 */
  uint8_t checksum;                /* NFQA_SKB_* */
  uint32_t uid, gid, conntrack_info; /* NFQ_UNKNOWN if not sent */
  size_t payload_offset;           /* from the start of the message */
  uint32_t length;                 /* bytes of payload */
  uint32_t true_length;            /* bytes the packet has; at least `length` */
  int error;                       /* NFQ_REPLY: a positive errno, 0 for an acknowledgement */
  uint32_t sequence;               /* NFQ_REPLY: the sequence number of the request */
};

/*
 * Reads the message in data[0..size). Never reads outside of it, whatever it holds; `data` needs no
 * alignment. Attributes that are unknown are skipped; one that is cut off or too short for its type
 * makes the message NFQ_BROKEN.
 */
enum nfq_kind nfq_parse(const uint8_t *data, size_t size, struct nfq_packet *packet);

#endif
