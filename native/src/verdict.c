#include "verdict.h"

#include <arpa/inet.h>
#include <linux/netfilter.h>
#include <linux/netfilter/nfnetlink_queue.h>
#include <linux/netlink.h>
#include <stdbool.h>
#include <string.h>

struct verdict_message {
  struct nlmsghdr netlink;
  struct nfgenmsg netfilter;
  struct nlattr verdict_attribute;
  struct nfqnl_msg_verdict_hdr verdict;
  struct nlattr mark_attribute; /* from here on only if the mark changes */
  uint32_t mark;
};

_Static_assert(sizeof(struct verdict_message) == NFQ_VERDICT_BYTES, "no padding in a message");

/* What a packet's answer does; a run is made of equal ones. */
struct action {
  uint32_t verdict;
  bool sets_mark;
  uint32_t mark;
};

static size_t write_message(uint8_t *out, uint16_t queue, uint8_t type, uint32_t id, struct action action) {
  size_t size = action.sets_mark ? sizeof(struct verdict_message) : offsetof(struct verdict_message, mark_attribute);
  struct verdict_message message = {
      /* Sequence 0: what comes back about a verdict is told from what comes back about a setting. */
      .netlink = {.nlmsg_len = size, .nlmsg_type = NFNL_SUBSYS_QUEUE << 8 | type, .nlmsg_flags = NLM_F_REQUEST},
      .netfilter = {.nfgen_family = 0, .version = NFNETLINK_V0, .res_id = htons(queue)},
      .verdict_attribute = {.nla_len = NLA_HDRLEN + sizeof message.verdict, .nla_type = NFQA_VERDICT_HDR},
      .verdict = {.verdict = htonl(action.verdict), .id = htonl(id)},
      .mark_attribute = {.nla_len = NLA_HDRLEN + sizeof message.mark, .nla_type = NFQA_MARK},
      .mark = htonl(action.mark),
  };
  memcpy(out, &message, size);
  return size;
}

/* STOLEN would leave the packet with us, QUEUE needs a number that a byte cannot hold: fail closed. */
static bool is_valid(uint8_t verdict) {
  return verdict == NF_DROP || verdict == NF_ACCEPT || verdict == NF_REPEAT || verdict == NF_STOP;
}

static struct action action_of(const struct nfq_answers *answers, uint32_t i) {
  uint8_t verdict = is_valid(answers->verdict[i]) ? answers->verdict[i] : NF_DROP;
  /* The mark of a packet that ends here is nobody's: leaving it out keeps runs long. */
  bool sets_mark = verdict != NF_DROP && answers->verdict_mark[i] != answers->mark[i];
  return (struct action){verdict, sets_mark, sets_mark ? answers->verdict_mark[i] : 0};
}

static bool is_same(struct action a, struct action b) {
  return a.verdict == b.verdict && a.sets_mark == b.sets_mark && a.mark == b.mark;
}

struct nfq_written nfq_write_answers(uint8_t *out, uint16_t queue, const struct nfq_answers *answers) {
  struct nfq_written written = {0};
  uint32_t start = 0;
  while (start < answers->count) {
    struct action action = action_of(answers, start);
    uint32_t end = start;
    do {
      written.invalid += !is_valid(answers->verdict[end]);
      end++;
    } while (end < answers->count && is_same(action, action_of(answers, end)));
    uint8_t type = end - start > 1 ? NFQNL_MSG_VERDICT_BATCH : NFQNL_MSG_VERDICT;
    written.bytes += write_message(out + written.bytes, queue, type, answers->id[end - 1], action);
    written.messages++;
    if (action.verdict == NF_DROP) written.dropped += end - start;
    if (action.verdict == NF_ACCEPT || action.verdict == NF_STOP) written.accepted += end - start;
    start = end;
  }
  return written;
}

size_t nfq_write_drop(uint8_t *out, uint16_t queue, uint32_t id) {
  return write_message(out, queue, NFQNL_MSG_VERDICT, id, (struct action){.verdict = NF_DROP});
}

size_t nfq_whole_messages(const uint8_t *out, size_t size, size_t sent) {
  size_t whole = 0;
  while (whole < size) {
    uint32_t length;
    memcpy(&length, out + whole + offsetof(struct nlmsghdr, nlmsg_len), sizeof length);
    if (whole + length > sent) break;
    whole += length;
  }
  return whole;
}
