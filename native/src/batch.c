#include "batch.h"

#include <linux/netfilter.h>
#include <string.h>

/* Both headers and every attribute but the payload; most of it is the conntrack entry, if asked for. */
#define OVERHEAD 4096
#define CACHE_LINE 64

struct field {
  const char *name;
  size_t pointer; /* where in struct nfq_batch */
  napi_typedarray_type type;
  uint8_t element_size;
  uint16_t count;
};

#define FIELD(name, member, type, count) \
  {name, offsetof(struct nfq_batch, member), type, sizeof *((struct nfq_batch *)0)->member, count}

static const struct field fields[] = {
    FIELD("id", id, napi_uint32_array, NFQ_BATCH),
    FIELD("offset", offset, napi_uint32_array, NFQ_BATCH),
    FIELD("length", length, napi_uint32_array, NFQ_BATCH),
    FIELD("trueLength", true_length, napi_uint32_array, NFQ_BATCH),
    FIELD("hook", hook, napi_uint8_array, NFQ_BATCH),
    FIELD("protocol", protocol, napi_uint16_array, NFQ_BATCH),
    FIELD("mark", mark, napi_uint32_array, NFQ_BATCH),
    FIELD("inputInterface", input_interface, napi_uint32_array, NFQ_BATCH),
    FIELD("outputInterface", output_interface, napi_uint32_array, NFQ_BATCH),
    FIELD("hardwareAddress", hardware_address, napi_uint8_array, 8 * NFQ_BATCH),
    FIELD("hardwareAddressLength", hardware_address_length, napi_uint8_array, NFQ_BATCH),
    FIELD("timestamp", timestamp, napi_float64_array, NFQ_BATCH),
    FIELD("checksum", checksum, napi_uint8_array, NFQ_BATCH),
    FIELD("uid", uid, napi_uint32_array, NFQ_BATCH),
    FIELD("gid", gid, napi_uint32_array, NFQ_BATCH),
    FIELD("conntrackInfo", conntrack_info, napi_uint32_array, NFQ_BATCH),
    FIELD("now", now, napi_float64_array, 1),
    FIELD("verdict", verdict, napi_uint8_array, NFQ_BATCH),
    FIELD("verdictMark", verdict_mark, napi_uint32_array, NFQ_BATCH),
};

#define FIELDS (sizeof fields / sizeof *fields)

static size_t aligned(size_t size) { return (size + CACHE_LINE - 1) / CACHE_LINE * CACHE_LINE; }

static napi_status set_array(napi_env env, napi_value object, const char *name, napi_typedarray_type type,
                             size_t count, napi_value memory, size_t at) {
  napi_value array;
  napi_status status = napi_create_typedarray(env, type, count, memory, at, &array);
  return status == napi_ok ? napi_set_named_property(env, object, name, array) : status;
}

napi_status nfq_batch_create(napi_env env, uint32_t copy_range, napi_value object, struct nfq_batch *batch,
                             napi_value *memory) {
  size_t size = 0;
  for (size_t i = 0; i < FIELDS; i++) size += aligned(fields[i].element_size * fields[i].count);
  size_t slots_at = size;
  /* An odd number of cache lines, so that the slots' first lines do not all share one cache set. */
  batch->slot_size = aligned(copy_range + OVERHEAD) | CACHE_LINE;
  size += (size_t)batch->slot_size * NFQ_BATCH;

  /* Large enough to be mapped, not zeroed: only the pages that packets touch become resident. */
  uint8_t *base;
  napi_status status = napi_create_arraybuffer(env, size, (void **)&base, memory);
  size_t at = 0;
  for (size_t i = 0; i < FIELDS && status == napi_ok; i++) {
    void *start = base + at;
    memcpy((char *)batch + fields[i].pointer, &start, sizeof start);
    status = set_array(env, object, fields[i].name, fields[i].type, fields[i].count, *memory, at);
    at += aligned(fields[i].element_size * fields[i].count);
  }
  if (status != napi_ok) return status;
  batch->buffer = base + slots_at;
  return set_array(env, object, "buffer", napi_uint8_array, size - slots_at, *memory, slots_at);
}

void nfq_batch_set(struct nfq_batch *batch, uint32_t i, uint32_t slot, const struct nfq_packet *packet) {
  batch->id[i] = packet->id;
  batch->offset[i] = slot * batch->slot_size + packet->payload_offset;
  batch->length[i] = packet->length;
  batch->true_length[i] = packet->true_length;
  batch->hook[i] = packet->hook;
  batch->protocol[i] = packet->protocol;
  batch->mark[i] = packet->mark;
  batch->input_interface[i] = packet->input_interface;
  batch->output_interface[i] = packet->output_interface;
  memcpy(batch->hardware_address + 8 * i, packet->hardware_address, 8);
  batch->hardware_address_length[i] = packet->hardware_address_length;
  batch->timestamp[i] = packet->timestamp;
  batch->checksum[i] = packet->checksum;
  batch->uid[i] = packet->uid;
  batch->gid[i] = packet->gid;
  batch->conntrack_info[i] = packet->conntrack_info;
  batch->verdict[i] = NF_DROP;
  batch->verdict_mark[i] = packet->mark;
}
