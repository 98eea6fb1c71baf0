#include "socket.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/netfilter/nfnetlink_queue.h>
#include <linux/netlink.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "netfilter.h"
#include "parse.h"

/* One setting a message, so that a refusal says what was refused. The value is the sequence number. */
enum setting { SET_BIND = 1, SET_FLAGS, SET_LENGTH, SET_MODE, SET_NOTHING };

static const char *const steps[] = {
    [SET_BIND] = "bind", [SET_FLAGS] = "flags", [SET_LENGTH] = "length", [SET_MODE] = "mode", [SET_NOTHING] = "probe"};

const char *nfq_setting_step(uint32_t sequence) {
  return sequence >= SET_BIND && sequence <= SET_NOTHING ? steps[sequence] : "bind";
}

static bool fail(struct nfq_failure *failure, const char *step, int error) {
  *failure = (struct nfq_failure){.step = step, .error = error};
  return false;
}

struct request {
  struct nlmsghdr netlink;
  struct nfgenmsg netfilter;
  uint8_t attributes[32];
};

static void add(struct request *request, uint16_t type, const void *value, size_t size) {
  struct nlattr header = {.nla_len = NLA_HDRLEN + size, .nla_type = type};
  uint8_t *at = (uint8_t *)request + request->netlink.nlmsg_len;
  memcpy(at, &header, sizeof header);
  memcpy(at + NLA_HDRLEN, value, size);
  request->netlink.nlmsg_len += NLA_ALIGN(header.nla_len);
}

static void add_command(struct request *request, uint8_t command) {
  add(request, NFQA_CFG_CMD, &(struct nfqnl_msg_config_cmd){.command = command}, sizeof(struct nfqnl_msg_config_cmd));
}

/* Sends one setting; returns 0 or an errno of the sending. */
static int put(int descriptor, const struct nfq_settings *settings, enum setting setting, uint16_t netlink_flags) {
  struct request request = {
      .netlink = {.nlmsg_len = NLMSG_HDRLEN + sizeof(struct nfgenmsg),
                  .nlmsg_type = NFNL_SUBSYS_QUEUE << 8 | NFQNL_MSG_CONFIG,
                  .nlmsg_flags = NLM_F_REQUEST | netlink_flags,
                  .nlmsg_seq = setting},
      .netfilter = {.version = NFNETLINK_V0, .res_id = htons(settings->queue)},
  };
  switch (setting) {
    case SET_BIND:
      add_command(&request, NFQNL_CFG_CMD_BIND);
      break;
    case SET_FLAGS:
      /* The mask names every flag there is: an adopted queue loses those that are not wanted. */
      add(&request, NFQA_CFG_FLAGS, &(uint32_t){htonl(settings->flags)}, 4);
      add(&request, NFQA_CFG_MASK, &(uint32_t){htonl(NFQA_CFG_F_MAX - 1)}, 4);
      break;
    case SET_LENGTH:
      add(&request, NFQA_CFG_QUEUE_MAXLEN, &(uint32_t){htonl(settings->maximum_length)}, 4);
      break;
    case SET_MODE:
      add(&request, NFQA_CFG_PARAMS,
          &(struct nfqnl_msg_config_params){.copy_range = htonl(settings->copy_range),
                                            .copy_mode = settings->copy_range ? NFQNL_COPY_PACKET : NFQNL_COPY_META},
          sizeof(struct nfqnl_msg_config_params));
      break;
    case SET_NOTHING:
      /* Obsolete, and a success without effect where it is permitted: it asks for nothing but the permission. */
      add_command(&request, NFQNL_CFG_CMD_PF_UNBIND);
      break;
  }
  return send(descriptor, &request, request.netlink.nlmsg_len, MSG_DONTWAIT) < 0 ? errno : 0;
}

/* The kernel answers before send() returns, so nothing is ever waited for. */
static int take_reply(int descriptor, enum setting setting, int flags) {
  uint8_t data[1024];
  struct nfq_packet reply;
  for (;;) {
    ssize_t size = recv(descriptor, data, sizeof data, MSG_DONTWAIT | flags);
    if (size < 0) return errno;
    if (nfq_parse(data, size, &reply) == NFQ_REPLY && reply.sequence == (uint32_t)setting) return reply.error;
    if (flags & MSG_PEEK) return EAGAIN; /* the first message is a packet: there was no answer */
  }
}

static int set(int descriptor, const struct nfq_settings *settings, enum setting setting) {
  int error = put(descriptor, settings, setting, NLM_F_ACK);
  return error ? error : take_reply(descriptor, setting, 0);
}

/*
 * The last setting, which lets packets in. Not acknowledged: a packet could come before the answer. An
 * error comes all the same, and alone, as no packets follow it: a peek at the first message will do.
 */
static int set_mode(int descriptor, const struct nfq_settings *settings) {
  int error = put(descriptor, settings, SET_MODE, 0);
  if (!error) error = take_reply(descriptor, SET_MODE, MSG_PEEK);
  return error == EAGAIN ? 0 : error;
}

static uint32_t refused_flags(int descriptor, const struct nfq_settings *settings) {
  uint32_t refused = 0;
  for (uint32_t flag = 1; flag < NFQA_CFG_F_MAX; flag <<= 1) {
    struct nfq_settings single = *settings;
    single.flags = flag;
    if (settings->flags & flag && set(descriptor, &single, SET_FLAGS) == EOPNOTSUPP) refused |= flag;
  }
  return refused ? refused : settings->flags;
}

static bool configure(int descriptor, const struct nfq_settings *settings, struct nfq_failure *failure) {
  for (enum setting setting = SET_BIND; setting < SET_MODE; setting++) {
    int error = set(descriptor, settings, setting);
    if (!error) continue;
    /* One errno, two causes: who may send a request that does nothing was refused the queue alone. */
    if (setting == SET_BIND && error == EPERM && !set(descriptor, settings, SET_NOTHING)) error = EBUSY;
    fail(failure, steps[setting], error);
    if (setting == SET_FLAGS && error == EOPNOTSUPP) failure->flags = refused_flags(descriptor, settings);
    return false;
  }
  int error = set_mode(descriptor, settings);
  return error ? fail(failure, steps[SET_MODE], error) : true;
}

static struct nfq_buffer set_receive_buffer(int descriptor, uint32_t bytes) {
  struct nfq_buffer buffer = {0};
  socklen_t size = sizeof buffer.bytes;
  int wanted = bytes;
  buffer.forced = setsockopt(descriptor, SOL_SOCKET, SO_RCVBUFFORCE, &wanted, sizeof wanted) == 0;
  if (!buffer.forced) setsockopt(descriptor, SOL_SOCKET, SO_RCVBUF, &wanted, sizeof wanted);
  getsockopt(descriptor, SOL_SOCKET, SO_RCVBUF, &buffer.bytes, &size);
  return buffer;
}

/* ENOBUFS would only say once more what the counters say better, and would count as a failed poll. */
static int ignore_overruns(int descriptor) {
  int on = 1;
  return setsockopt(descriptor, SOL_NETLINK, NETLINK_NO_ENOBUFS, &on, sizeof on) < 0 ? errno : 0;
}

int nfq_netlink_open(struct nfq_failure *failure) {
  struct sockaddr_nl kernel = {.nl_family = AF_NETLINK};
  int descriptor = socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC | SOCK_NONBLOCK, NETLINK_NETFILTER);
  /* Connected to the kernel (port 0), the socket refuses messages that other processes send to it. */
  if (descriptor >= 0 && connect(descriptor, (struct sockaddr *)&kernel, sizeof kernel) == 0) return descriptor;
  fail(failure, "socket", errno);
  if (descriptor >= 0) close(descriptor);
  return -1;
}

int nfq_socket_open(const struct nfq_settings *settings, struct nfq_buffer *buffer, struct nfq_failure *failure) {
  int descriptor = nfq_netlink_open(failure);
  if (descriptor < 0) return -1;
  int error = ignore_overruns(descriptor);
  if (error) fail(failure, "socket", error);
  *buffer = set_receive_buffer(descriptor, settings->receive_buffer);
  if (!error && configure(descriptor, settings, failure)) return descriptor;
  close(descriptor);
  return -1;
}

uint32_t nfq_socket_port(int descriptor, struct nfq_failure *failure) {
  int domain = 0, protocol = 0;
  socklen_t size = sizeof domain;
  struct sockaddr_nl address = {0};
  socklen_t address_size = sizeof address;
  if (getsockopt(descriptor, SOL_SOCKET, SO_DOMAIN, &domain, &size) < 0 ||
      getsockopt(descriptor, SOL_SOCKET, SO_PROTOCOL, &protocol, &size) < 0)
    return fail(failure, "descriptor", errno);
  if (domain != AF_NETLINK || protocol != NETLINK_NETFILTER) return fail(failure, "descriptor", EPROTOTYPE);
  if (getsockname(descriptor, (struct sockaddr *)&address, &address_size) < 0)
    return fail(failure, "descriptor", errno);
  if (address.nl_pid == 0) return fail(failure, "descriptor", ENOTCONN);
  return address.nl_pid;
}

bool nfq_socket_probe(struct nfq_failure *failure) {
  int descriptor = nfq_netlink_open(failure);
  if (descriptor < 0) return false;
  int error = set(descriptor, &(struct nfq_settings){0}, SET_NOTHING);
  close(descriptor);
  return error ? fail(failure, steps[SET_NOTHING], error) : true;
}

bool nfq_socket_adopt(int descriptor, const struct nfq_settings *settings, struct nfq_buffer *buffer,
                      struct nfq_failure *failure) {
  /* Who may not send would only find out by the answers, after the first packets. */
  if (!nfq_socket_port(descriptor, failure) || !nfq_socket_probe(failure)) return false;
  int error = ignore_overruns(descriptor);
  if (!error && fcntl(descriptor, F_SETFD, FD_CLOEXEC) < 0) error = errno;
  if (error) return fail(failure, "descriptor", error);
  *buffer = set_receive_buffer(descriptor, settings->receive_buffer);
  for (enum setting setting = SET_FLAGS; setting <= SET_MODE; setting++) {
    error = put(descriptor, settings, setting, 0);
    if (error) return fail(failure, steps[setting], error);
  }
  return true;
}
