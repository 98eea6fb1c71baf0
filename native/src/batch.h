/* The memory that C and JavaScript share: one ArrayBuffer with every array of a batch in it. */
#ifndef NFQ_BATCH_H
#define NFQ_BATCH_H

#include <node_api.h>
#include <stdint.h>

#include "parse.h"

#define NFQ_BATCH 256 /* packets in one call of JavaScript, and messages in one recvmmsg */

struct nfq_batch {
  uint32_t *id, *offset, *length, *true_length;
  uint8_t *hook;
  uint16_t *protocol;
  uint32_t *mark, *input_interface, *output_interface;
  uint8_t *hardware_address, *hardware_address_length;
  double *timestamp;
  uint8_t *checksum;
  uint32_t *uid, *gid, *conntrack_info;
  double *now;
  uint8_t *verdict;
  uint32_t *verdict_mark;
  uint8_t *buffer;    /* NFQ_BATCH slots; message i of a recvmmsg is received into slot i */
  uint32_t slot_size; /* bytes */
};

/*
 * Allocates the memory for messages with up to `copy_range` bytes of payload, sets the arrays as
 * properties of `object` under their JavaScript names, and returns the ArrayBuffer that owns it all.
 */
napi_status nfq_batch_create(napi_env env, uint32_t copy_range, napi_value object, struct nfq_batch *batch,
                             napi_value *memory);

/* Fills in packet `i`, which was parsed out of the message in slot `slot`. Its verdict becomes DROP. */
void nfq_batch_set(struct nfq_batch *batch, uint32_t i, uint32_t slot, const struct nfq_packet *packet);

#endif
