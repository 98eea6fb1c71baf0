/* The functions that index.js calls. They trust their arguments: index.js has checked them. */
#include <errno.h>
#include <linux/netfilter/nfnetlink_queue.h>
#include <net/if.h>
#include <stdlib.h>
#include <unistd.h>

#include "netfilter.h"
#include "queue.h"

static napi_value undefined(napi_env env) {
  napi_value value;
  napi_get_undefined(env, &value);
  return value;
}

/* An error with the properties step, errno and flags: lib/errors.js makes a QueueError of it. */
static napi_value throw_failure(napi_env env, const struct nfq_failure *failure) {
  napi_value message, error, value;
  napi_create_string_utf8(env, failure->step, NAPI_AUTO_LENGTH, &message);
  napi_create_error(env, NULL, message, &error);
  napi_set_named_property(env, error, "step", message);
  napi_create_int32(env, failure->error, &value);
  napi_set_named_property(env, error, "errno", value);
  napi_create_uint32(env, failure->flags, &value);
  napi_set_named_property(env, error, "flags", value);
  napi_throw(env, error);
  return NULL;
}

static uint32_t number_of(napi_env env, napi_value value) {
  uint32_t number = 0;
  napi_get_value_uint32(env, value, &number);
  return number;
}

static int32_t integer_of(napi_env env, napi_value value) {
  int32_t number = -1;
  napi_get_value_int32(env, value, &number);
  return number;
}

/* The queue that is the first argument of every function but `open`, `probe`, `port` and `interfaceName`. */
static struct nfq_queue *queue_of(napi_env env, napi_callback_info info, napi_value *second) {
  napi_value arguments[2];
  size_t count = 2;
  void *queue = NULL;
  napi_get_cb_info(env, info, &count, arguments, NULL, NULL);
  napi_get_value_external(env, arguments[0], &queue);
  if (second) *second = arguments[1];
  return queue;
}

static void free_queue(napi_env env, void *data, void *hint) {
  (void)env;
  (void)hint;
  free(data);
}

enum argument { NUMBER, COPY_RANGE, MAXIMUM_LENGTH, FLAGS, RECEIVE_BUFFER, DESCRIPTOR, HELD_COPY_RANGE, BATCH,
                ON_BATCH, ON_THROW, ON_FAILURE, ARGUMENTS };

/* Opens or adopts the socket and starts to read it. On failure nothing is left open but what was adopted. */
static bool start(struct nfq_queue *queue, const napi_value *arguments, struct nfq_failure *failure) {
  napi_env env = queue->env;
  struct nfq_settings settings = {
      .queue = number_of(env, arguments[NUMBER]),
      .copy_range = number_of(env, arguments[COPY_RANGE]),
      .maximum_length = number_of(env, arguments[MAXIMUM_LENGTH]),
      .flags = number_of(env, arguments[FLAGS]) | NFQA_CFG_F_GSO,
      .receive_buffer = number_of(env, arguments[RECEIVE_BUFFER]),
  };
  int adopted = integer_of(env, arguments[DESCRIPTOR]);
  queue->number = settings.queue;
  queue->descriptor = adopted;
  if (adopted >= 0) {
    if (!nfq_socket_adopt(adopted, &settings, &queue->receive_buffer, failure)) return false;
  } else {
    queue->descriptor = nfq_socket_open(&settings, &queue->receive_buffer, failure);
    if (queue->descriptor < 0) return false;
  }
  int error = nfq_queue_start(queue);
  if (!error) return true;
  *failure = (struct nfq_failure){.step = adopted >= 0 ? "descriptor" : "poll", .error = error};
  if (adopted < 0) close(queue->descriptor);
  return false;
}

/* open(number, copyRange, …, batch, onBatch, onThrow, onFailure): a handle, and the arrays in `batch` */
static napi_value open_queue(napi_env env, napi_callback_info info) {
  napi_value arguments[ARGUMENTS], handle, memory, name;
  size_t count = ARGUMENTS;
  struct nfq_failure failure = {.step = "memory", .error = ENOMEM};
  napi_get_cb_info(env, info, &count, arguments, NULL, NULL);
  struct nfq_queue *queue = calloc(1, sizeof *queue);
  if (!queue) return throw_failure(env, &failure);
  queue->env = env;
  if (napi_create_external(env, queue, free_queue, NULL, &handle) != napi_ok) {
    free(queue);
    return throw_failure(env, &failure);
  }
  /* Slots must also hold what an adopted socket has captured so far. */
  uint32_t copy_range = number_of(env, arguments[COPY_RANGE]);
  uint32_t held = number_of(env, arguments[HELD_COPY_RANGE]);
  if (held > copy_range) copy_range = held;
  if (nfq_batch_create(env, copy_range, arguments[BATCH], &queue->batch, &memory) != napi_ok ||
      !start(queue, arguments, &failure))
    return throw_failure(env, &failure);

  const napi_value kept[NFQ_REFERENCES] = {[NFQ_ON_BATCH] = arguments[ON_BATCH],
                                           [NFQ_ON_THROW] = arguments[ON_THROW],
                                           [NFQ_ON_FAILURE] = arguments[ON_FAILURE],
                                           [NFQ_MEMORY] = memory,
                                           [NFQ_HANDLE] = handle};
  for (int i = 0; i < NFQ_REFERENCES; i++) napi_create_reference(env, kept[i], 1, &queue->references[i]);
  napi_create_string_utf8(env, "NFQUEUE", NAPI_AUTO_LENGTH, &name);
  napi_async_init(env, NULL, name, &queue->async_context);
  return handle;
}

static napi_value close_queue(napi_env env, napi_callback_info info) {
  nfq_queue_close(queue_of(env, info, NULL));
  return undefined(env);
}

static napi_value detach(napi_env env, napi_callback_info info) {
  napi_value value;
  int descriptor = nfq_queue_detach(queue_of(env, info, NULL));
  if (descriptor < 0) return throw_failure(env, &(struct nfq_failure){.step = "detach", .error = errno});
  napi_create_int32(env, descriptor, &value);
  return value;
}

static napi_value descriptor(napi_env env, napi_callback_info info) {
  napi_value value;
  napi_create_int32(env, queue_of(env, info, NULL)->descriptor, &value);
  return value;
}

static napi_value set_paused(napi_env env, napi_callback_info info) {
  napi_value second;
  bool paused = false;
  struct nfq_queue *queue = queue_of(env, info, &second);
  napi_get_value_bool(env, second, &paused);
  nfq_queue_pause(queue, paused);
  return undefined(env);
}

static napi_value set_reference(napi_env env, napi_callback_info info) {
  napi_value second;
  bool keeps_alive = true;
  struct nfq_queue *queue = queue_of(env, info, &second);
  napi_get_value_bool(env, second, &keeps_alive);
  if (keeps_alive) uv_ref((uv_handle_t *)&queue->poll);
  else uv_unref((uv_handle_t *)&queue->poll);
  return undefined(env);
}

static napi_value statistics(napi_env env, napi_callback_info info) {
  const struct nfq_queue *queue = queue_of(env, info, NULL);
  const struct nfq_statistics *counted = &queue->statistics;
  const struct { const char *name; uint64_t value; } counters[] = {
      {"received", counted->received},
      {"batches", counted->batches},
      {"accepted", counted->accepted},
      {"dropped", counted->dropped},
      {"verdictErrors", counted->verdict_errors},
      {"receiveErrors", counted->receive_errors},
      {"callbackErrors", counted->callback_errors},
      {"messagesSent", counted->messages_sent},
      {"sendCalls", counted->send_calls},
      {"receiveCalls", counted->receive_calls},
      {"receiveBuffer", queue->receive_buffer.bytes},
  };
  napi_value object, value;
  napi_create_object(env, &object);
  for (size_t i = 0; i < sizeof counters / sizeof *counters; i++) {
    napi_create_double(env, (double)counters[i].value, &value);
    napi_set_named_property(env, object, counters[i].name, value);
  }
  napi_get_boolean(env, queue->receive_buffer.forced, &value);
  napi_set_named_property(env, object, "receiveBufferForced", value);
  return object;
}

/* probe(): throws what stands in the way of opening any queue */
static napi_value probe(napi_env env, napi_callback_info info) {
  struct nfq_failure failure;
  (void)info;
  return nfq_socket_probe(&failure) ? undefined(env) : throw_failure(env, &failure);
}

/* port(descriptor): the socket's netlink port; throws if it is no socket that could have a queue */
static napi_value port(napi_env env, napi_callback_info info) {
  napi_value argument, value;
  size_t count = 1;
  struct nfq_failure failure;
  napi_get_cb_info(env, info, &count, &argument, NULL, NULL);
  uint32_t number = nfq_socket_port(integer_of(env, argument), &failure);
  if (!number) return throw_failure(env, &failure);
  napi_create_uint32(env, number, &value);
  return value;
}

/* interfaceName(index): undefined if this network namespace has no such interface */
static napi_value interface_name(napi_env env, napi_callback_info info) {
  napi_value argument, value;
  size_t count = 1;
  char name[IF_NAMESIZE];
  napi_get_cb_info(env, info, &count, &argument, NULL, NULL);
  if (!if_indextoname(number_of(env, argument), name)) return undefined(env);
  napi_create_string_utf8(env, name, NAPI_AUTO_LENGTH, &value);
  return value;
}

/* openNetfilter(buffer): the descriptor of a socket to netfilter */
static napi_value open_netfilter(napi_env env, napi_callback_info info) {
  napi_value argument, value;
  size_t count = 1;
  struct nfq_failure failure;
  napi_get_cb_info(env, info, &count, &argument, NULL, NULL);
  int descriptor = nfq_netfilter_open(number_of(env, argument), &failure);
  if (descriptor < 0) return throw_failure(env, &failure);
  napi_create_int32(env, descriptor, &value);
  return value;
}

/* netfilterLimit(descriptor): bytes that may be sent at once */
static napi_value netfilter_limit(napi_env env, napi_callback_info info) {
  napi_value argument, value;
  size_t count = 1;
  napi_get_cb_info(env, info, &count, &argument, NULL, NULL);
  napi_create_uint32(env, nfq_netfilter_limit(integer_of(env, argument)), &value);
  return value;
}

/* netfilterSend(descriptor, bytes) */
static napi_value netfilter_send(napi_env env, napi_callback_info info) {
  napi_value arguments[2];
  size_t count = 2, size = 0;
  void *data = NULL;
  napi_get_cb_info(env, info, &count, arguments, NULL, NULL);
  napi_get_typedarray_info(env, arguments[1], NULL, &size, &data, NULL, NULL);
  int error = nfq_netfilter_send(integer_of(env, arguments[0]), data, size);
  return error ? throw_failure(env, &(struct nfq_failure){.step = "request", .error = error}) : undefined(env);
}

/* netfilterReceive(descriptor, bytes): the size of the next answer, 0 if there is none */
static napi_value netfilter_receive(napi_env env, napi_callback_info info) {
  napi_value arguments[2], value;
  size_t count = 2, size = 0;
  void *data = NULL;
  napi_get_cb_info(env, info, &count, arguments, NULL, NULL);
  napi_get_typedarray_info(env, arguments[1], NULL, &size, &data, NULL, NULL);
  ssize_t received = nfq_netfilter_receive(integer_of(env, arguments[0]), data, size);
  if (received < 0) return throw_failure(env, &(struct nfq_failure){.step = "answer", .error = errno});
  napi_create_uint32(env, received, &value);
  return value;
}

static napi_value netfilter_close(napi_env env, napi_callback_info info) {
  napi_value argument;
  size_t count = 1;
  napi_get_cb_info(env, info, &count, &argument, NULL, NULL);
  close(integer_of(env, argument));
  return undefined(env);
}

NAPI_MODULE_INIT() {
  const struct { const char *name; napi_callback function; } functions[] = {
      {"open", open_queue}, {"close", close_queue}, {"detach", detach},         {"descriptor", descriptor},
      {"pause", set_paused},     {"reference", set_reference}, {"statistics", statistics}, {"probe", probe},
      {"port", port},   {"interfaceName", interface_name},
      {"openNetfilter", open_netfilter}, {"netfilterLimit", netfilter_limit}, {"netfilterSend", netfilter_send},
      {"netfilterReceive", netfilter_receive}, {"netfilterClose", netfilter_close},
  };
  for (size_t i = 0; i < sizeof functions / sizeof *functions; i++) {
    napi_value value;
    napi_create_function(env, functions[i].name, NAPI_AUTO_LENGTH, functions[i].function, NULL, &value);
    napi_set_named_property(env, exports, functions[i].name, value);
  }
  return exports;
}
