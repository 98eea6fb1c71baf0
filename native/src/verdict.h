/* Writing the answers to a batch of packets as netlink messages. Pure, as parse.h. */
#ifndef NFQ_VERDICT_H
#define NFQ_VERDICT_H

#include <stddef.h>
#include <stdint.h>

#define NFQ_VERDICT_BYTES 40 /* the longest message: both headers, the verdict, a mark */

/* The answers of one batch: arrays of `count`, in the order of the ids. */
struct nfq_answers {
  const uint32_t *id;
  const uint32_t *mark;         /* the packet's mark as it came */
  const uint8_t *verdict;       /* NF_DROP, NF_ACCEPT, NF_REPEAT, NF_STOP; anything else is NF_DROP */
  const uint32_t *verdict_mark; /* the mark the packet shall have */
  uint32_t count;
};

struct nfq_written {
  size_t bytes;
  uint32_t messages, accepted, dropped, invalid; /* invalid: verdicts that became NF_DROP; also in dropped */
};

/*
 * Writes the messages for `answers` to `out`, which has room for NFQ_VERDICT_BYTES times the count.
 * A run of packets with one verdict and one mark action is one NFQNL_MSG_VERDICT_BATCH, which means
 * all packets up to an id: right because every lower id has been answered by an earlier message.
 */
struct nfq_written nfq_write_answers(uint8_t *out, uint16_t queue, const struct nfq_answers *answers);

/* Writes one NFQNL_MSG_VERDICT that drops the packet `id`; returns its bytes. */
size_t nfq_write_drop(uint8_t *out, uint16_t queue, uint32_t id);

/* How many bytes of out[0..size) are whole messages within its first `sent` bytes. */
size_t nfq_whole_messages(const uint8_t *out, size_t size, size_t sent);

#endif
