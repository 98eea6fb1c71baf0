#include "parse.h"

#include <arpa/inet.h>
#include <endian.h>
#include <linux/netfilter/nfnetlink_queue.h>
#include <linux/netlink.h>
#include <string.h>

/* Attributes are only 4 byte aligned and hostile ones not at all, so every load is a copy. */
static uint16_t load16(const uint8_t *data) {
  uint16_t value;
  memcpy(&value, data, sizeof value);
  return ntohs(value);
}

static uint32_t load32(const uint8_t *data) {
  uint32_t value;
  memcpy(&value, data, sizeof value);
  return ntohl(value);
}

static uint64_t load64(const uint8_t *data) {
  uint64_t value;
  memcpy(&value, data, sizeof value);
  return be64toh(value);
}

/* The fewest bytes an attribute of each type needs; a type that is not listed is skipped. */
static const uint8_t least[NFQA_MAX + 1] = {
    [NFQA_PACKET_HDR] = sizeof(struct nfqnl_msg_packet_hdr),
    [NFQA_MARK] = 4,
    [NFQA_TIMESTAMP] = sizeof(struct nfqnl_msg_packet_timestamp),
    [NFQA_IFINDEX_INDEV] = 4,
    [NFQA_IFINDEX_OUTDEV] = 4,
    [NFQA_HWADDR] = sizeof(struct nfqnl_msg_packet_hw),
    [NFQA_CT_INFO] = 4,
    [NFQA_CAP_LEN] = 4,
    [NFQA_SKB_INFO] = 4,
    [NFQA_UID] = 4,
    [NFQA_GID] = 4,
};

static void read_header(const uint8_t *value, struct nfq_packet *packet) {
  packet->id = load32(value + offsetof(struct nfqnl_msg_packet_hdr, packet_id));
  packet->protocol = load16(value + offsetof(struct nfqnl_msg_packet_hdr, hw_protocol));
  packet->hook = value[offsetof(struct nfqnl_msg_packet_hdr, hook)];
  packet->has_id = true;
}

static void read_hardware_address(const uint8_t *value, struct nfq_packet *packet) {
  uint16_t length = load16(value + offsetof(struct nfqnl_msg_packet_hw, hw_addrlen));
  size_t room = sizeof packet->hardware_address;
  packet->hardware_address_length = length < room ? length : room;
  memcpy(packet->hardware_address, value + offsetof(struct nfqnl_msg_packet_hw, hw_addr), room);
}

static double read_timestamp(const uint8_t *value) {
  uint64_t seconds = load64(value + offsetof(struct nfqnl_msg_packet_timestamp, sec));
  uint64_t micros = load64(value + offsetof(struct nfqnl_msg_packet_timestamp, usec));
  return (double)seconds * 1e9 + (double)micros * 1e3;
}

static enum nfq_kind parse_packet(const uint8_t *data, size_t size, struct nfq_packet *packet) {
  size_t at = NLMSG_HDRLEN + sizeof(struct nfgenmsg);
  if (size < at) return NFQ_BROKEN;
  while (size - at >= NLA_HDRLEN) {
    struct nlattr header;
    memcpy(&header, data + at, sizeof header);
    uint16_t type = header.nla_type & NLA_TYPE_MASK;
    if (header.nla_len < NLA_HDRLEN || header.nla_len > size - at) return NFQ_BROKEN;
    const uint8_t *value = data + at + NLA_HDRLEN;
    size_t length = header.nla_len - NLA_HDRLEN;
    if (type <= NFQA_MAX && length < least[type]) return NFQ_BROKEN;
    switch (type) {
      case NFQA_PACKET_HDR: read_header(value, packet); break;
      case NFQA_MARK: packet->mark = load32(value); break;
      case NFQA_TIMESTAMP: packet->timestamp = read_timestamp(value); break;
      case NFQA_IFINDEX_INDEV: packet->input_interface = load32(value); break;
      case NFQA_IFINDEX_OUTDEV: packet->output_interface = load32(value); break;
      case NFQA_HWADDR: read_hardware_address(value, packet); break;
      case NFQA_CT_INFO: packet->conntrack_info = load32(value); break;
      case NFQA_CAP_LEN: packet->true_length = load32(value); break;
      case NFQA_SKB_INFO: packet->checksum = (uint8_t)load32(value); break;
      case NFQA_UID: packet->uid = load32(value); break;
      case NFQA_GID: packet->gid = load32(value); break;
      case NFQA_PAYLOAD:
        packet->payload_offset = at + NLA_HDRLEN;
        packet->length = length;
        break;
    }
    /* The last attribute may come without its padding. */
    size_t step = NLA_ALIGN(header.nla_len);
    if (step >= size - at) break;
    at += step;
  }
  /* CAP_LEN is only sent for a packet that was cut; it can never be less than what we hold. */
  if (packet->true_length < packet->length) packet->true_length = packet->length;
  return packet->has_id ? NFQ_PACKET : NFQ_BROKEN;
}

enum nfq_kind nfq_parse(const uint8_t *data, size_t size, struct nfq_packet *packet) {
  struct nlmsghdr header;
  memset(packet, 0, sizeof *packet);
  packet->uid = packet->gid = packet->conntrack_info = NFQ_UNKNOWN;
  if (size < sizeof header) return NFQ_BROKEN;
  memcpy(&header, data, sizeof header);
  if (header.nlmsg_len < sizeof header || header.nlmsg_len > size) {
    /* Cut off, so never to be judged, but the id comes first and lets us answer it. */
    if (header.nlmsg_type == (NFNL_SUBSYS_QUEUE << 8 | NFQNL_MSG_PACKET)) parse_packet(data, size, packet);
    return NFQ_BROKEN;
  }
  size = header.nlmsg_len;
  switch (header.nlmsg_type) {
    case NFNL_SUBSYS_QUEUE << 8 | NFQNL_MSG_PACKET:
      return parse_packet(data, size, packet);
    case NLMSG_ERROR: {
      int32_t error;
      if (size < NLMSG_HDRLEN + sizeof error) return NFQ_BROKEN;
      memcpy(&error, data + NLMSG_HDRLEN, sizeof error);
      /* Negated as unsigned: INT32_MIN has no positive twin. */
      packet->error = (int)((0u - (uint32_t)error) & INT32_MAX);
      packet->sequence = header.nlmsg_seq;
      return NFQ_REPLY;
    }
    default:
      return NFQ_FOREIGN;
  }
}
