#include "queue.h"

#include <errno.h>
#include <time.h>
#include <unistd.h>

/* Batches between two turns of the event loop: some milliseconds at full rate, so that it breathes. */
#define BATCHES_PER_TURN 8

static napi_value referenced(struct nfq_queue *queue, enum nfq_reference reference) {
  napi_value value = NULL;
  napi_get_reference_value(queue->env, queue->references[reference], &value);
  return value;
}

static napi_status call(struct nfq_queue *queue, enum nfq_reference function, size_t count, napi_value *arguments) {
  napi_value undefined;
  napi_get_undefined(queue->env, &undefined);
  return napi_call_function(queue->env, undefined, referenced(queue, function), count, arguments, NULL);
}

/* Nothing is freed here: the struct belongs to its JavaScript handle, which may be collected from now on. */
static void on_closed(uv_handle_t *handle) {
  struct nfq_queue *queue = handle->data;
  napi_handle_scope scope;
  napi_open_handle_scope(queue->env, &scope);
  napi_async_destroy(queue->env, queue->async_context);
  for (int i = 0; i < NFQ_REFERENCES; i++) napi_delete_reference(queue->env, queue->references[i]);
  napi_close_handle_scope(queue->env, scope);
  /* Last, as the environment may end with it. */
  napi_remove_async_cleanup_hook(queue->cleanup_hook);
}

static void finish(struct nfq_queue *queue) {
  queue->closed = true;
  uv_close((uv_handle_t *)&queue->poll, on_closed);
  if (!queue->keep_descriptor) close(queue->descriptor);
  queue->descriptor = -1;
  queue->out_size = queue->out_sent = 0;
}

static void on_poll(uv_poll_t *poll, int status, int events);

/* Ends every step: finishes what is closing, or waits for what comes next. */
static void settle(struct nfq_queue *queue) {
  bool due = queue->out_size > 0;
  if (queue->closed || queue->delivering) return;
  /* What closes unanswered is dropped by the kernel. What is handed out must not be: its next reader
   * would answer for it with a batch verdict of its own. */
  if (queue->closing && !(due && queue->keep_descriptor)) {
    finish(queue);
    return;
  }
  int wanted = due ? UV_WRITABLE : queue->paused ? 0 : UV_READABLE;
  if (wanted == queue->armed) return;
  queue->armed = wanted;
  if (wanted) uv_poll_start(&queue->poll, wanted, on_poll);
  else uv_poll_stop(&queue->poll);
}

static void report(struct nfq_queue *queue, const char *step, int error) {
  napi_handle_scope scope;
  napi_value arguments[2];
  napi_open_handle_scope(queue->env, &scope);
  napi_create_string_utf8(queue->env, step, NAPI_AUTO_LENGTH, &arguments[0]);
  napi_create_int32(queue->env, error, &arguments[1]);
  call(queue, NFQ_ON_FAILURE, 2, arguments);
  napi_close_handle_scope(queue->env, scope);
}

/* The queue is of no use any more. Closing it drops every packet that it holds: fail closed. */
static void give_up(struct nfq_queue *queue, const char *step, int error) {
  queue->out_size = queue->out_sent = 0;
  queue->closing = true;
  queue->keep_descriptor = false;
  report(queue, step, error);
}

/* Sends the answers that are due. Returns true if none is left. */
static bool flush(struct nfq_queue *queue) {
  while (queue->out_sent < queue->out_size) {
    const uint8_t *start = queue->out + queue->out_sent;
    size_t size = queue->out_size - queue->out_sent;
    ssize_t sent = send(queue->descriptor, start, size, MSG_DONTWAIT);
    queue->statistics.send_calls++;
    if (sent >= 0) {
      /* A message cut in two was not understood: it is sent again, whole. */
      queue->out_sent += nfq_whole_messages(start, size, sent);
    } else if (errno == EAGAIN || errno == ENOBUFS || errno == ENOMEM) {
      return false;
    } else if (errno != EINTR) {
      give_up(queue, "send", errno);
      return false;
    }
  }
  queue->out_size = queue->out_sent = 0;
  return true;
}

/* Someone may have transferred the memory away, and freed it: then it must not be touched any more. */
static bool has_memory(struct nfq_queue *queue) {
  napi_handle_scope scope;
  bool detached = true;
  napi_open_handle_scope(queue->env, &scope);
  napi_is_detached_arraybuffer(queue->env, referenced(queue, NFQ_MEMORY), &detached);
  napi_close_handle_scope(queue->env, scope);
  if (detached) give_up(queue, "memory", EFAULT);
  return !detached;
}

/* Writes the answers of a batch from the arrays that JavaScript filled in. */
static void answer(struct nfq_queue *queue, uint32_t count) {
  struct nfq_batch *batch = &queue->batch;
  struct nfq_answers answers = {batch->id, batch->mark, batch->verdict, batch->verdict_mark, count};
  struct nfq_written written = nfq_write_answers(queue->out + queue->out_size, queue->number, &answers);
  queue->out_size += written.bytes;
  queue->statistics.messages_sent += written.messages;
  queue->statistics.accepted += written.accepted;
  queue->statistics.dropped += written.dropped;
  queue->statistics.verdict_errors += written.invalid;
}

/* Hands a batch to JavaScript and answers it, whatever comes of that. */
static void deliver(struct nfq_queue *queue, uint32_t count) {
  napi_env env = queue->env;
  napi_handle_scope scope;
  napi_callback_scope callback_scope;
  napi_value argument, error;
  queue->statistics.received += count;
  queue->statistics.batches++;
  queue->delivering = true;
  napi_open_handle_scope(env, &scope);
  napi_open_callback_scope(env, NULL, queue->async_context, &callback_scope);
  napi_create_uint32(env, count, &argument);
  napi_status status = call(queue, NFQ_ON_BATCH, 1, &argument);
  bool threw = status == napi_pending_exception;
  if (threw) napi_get_and_clear_last_exception(env, &error);
  if (has_memory(queue)) {
    answer(queue, count);
    flush(queue);
  }
  if (threw) {
    queue->statistics.callback_errors++;
    status = call(queue, NFQ_ON_THROW, 1, &error);
  }
  if (status != napi_ok) queue->paused = true; /* JavaScript runs no more: the environment is ending */
  queue->delivering = false;
  settle(queue);
  /* Promises and ticks of the callback run here, after its verdicts have left. */
  napi_close_callback_scope(env, callback_scope);
  napi_close_handle_scope(env, scope);
}

/* Reads what waits, at most a batch. Returns the number of messages. */
static int receive(struct nfq_queue *queue) {
  int count = recvmmsg(queue->descriptor, queue->messages, NFQ_BATCH, MSG_DONTWAIT, NULL);
  queue->statistics.receive_calls++;
  if (count >= 0) return count;
  if (errno == ENOBUFS || errno == ENOMEM) queue->statistics.receive_errors++;
  else if (errno != EAGAIN && errno != EINTR) give_up(queue, "receive", errno);
  return 0;
}

static void read_reply(struct nfq_queue *queue, const struct nfq_packet *reply) {
  if (reply->error == 0) return;
  /* Verdicts have no sequence number; the settings of an adopted socket have. */
  if (reply->sequence) report(queue, nfq_setting_step(reply->sequence), reply->error);
  else queue->statistics.verdict_errors++;
}

/* Sorts the messages that were read into packets and the rest. Returns the number of packets. */
static uint32_t gather(struct nfq_queue *queue, int messages) {
  struct nfq_batch *batch = &queue->batch;
  struct nfq_packet packet;
  struct timespec now;
  uint32_t count = 0;
  clock_gettime(CLOCK_MONOTONIC, &now);
  batch->now[0] = (double)now.tv_sec * 1e9 + (double)now.tv_nsec;
  for (int i = 0; i < messages; i++) {
    enum nfq_kind kind = nfq_parse(queue->slots[i].iov_base, queue->messages[i].msg_len, &packet);
    if (kind == NFQ_PACKET) {
      nfq_batch_set(batch, count++, i, &packet);
    } else if (kind == NFQ_REPLY) {
      read_reply(queue, &packet);
    } else {
      queue->statistics.receive_errors++;
      if (kind == NFQ_BROKEN && packet.has_id) {
        queue->out_size += nfq_write_drop(queue->out + queue->out_size, queue->number, packet.id);
        queue->statistics.messages_sent++;
        queue->statistics.dropped++;
      }
    }
  }
  return count;
}

static void on_poll(uv_poll_t *poll, int status, int events) {
  struct nfq_queue *queue = poll->data;
  (void)events;
  /* libuv stops at a socket error; the next read says which it was, and most are no reason to end. */
  if (status < 0) queue->armed = 0;
  int messages = NFQ_BATCH;
  for (int turn = 0; turn < BATCHES_PER_TURN && messages == NFQ_BATCH; turn++) {
    /* Never read on with answers due: they would be overtaken. */
    if (!flush(queue) || queue->paused || queue->closing || !has_memory(queue)) break;
    messages = receive(queue);
    if (messages == 0) break;
    uint32_t count = gather(queue, messages);
    if (count) deliver(queue, count);
  }
  flush(queue);
  settle(queue);
}

/* The environment ends (a worker is terminated, say) with the queue open. */
static void on_cleanup(napi_async_cleanup_hook_handle hook, void *data) {
  (void)hook;
  nfq_queue_close(data);
}

int nfq_queue_start(struct nfq_queue *queue) {
  uv_loop_t *loop;
  if (napi_get_uv_event_loop(queue->env, &loop) != napi_ok) return EINVAL;
  for (uint32_t i = 0; i < NFQ_BATCH; i++) {
    queue->slots[i].iov_base = queue->batch.buffer + (size_t)i * queue->batch.slot_size;
    queue->slots[i].iov_len = queue->batch.slot_size;
    queue->messages[i].msg_hdr.msg_iov = &queue->slots[i];
    queue->messages[i].msg_hdr.msg_iovlen = 1;
  }
  int status = uv_poll_init(loop, &queue->poll, queue->descriptor);
  if (status < 0) return -status;
  queue->poll.data = queue;
  napi_add_async_cleanup_hook(queue->env, on_cleanup, queue, &queue->cleanup_hook);
  settle(queue);
  return 0;
}

void nfq_queue_pause(struct nfq_queue *queue, bool paused) {
  queue->paused = paused;
  settle(queue);
}

void nfq_queue_close(struct nfq_queue *queue) {
  if (queue->closing) return;
  if (!queue->delivering) flush(queue);
  queue->closing = true;
  settle(queue);
}

int nfq_queue_detach(struct nfq_queue *queue) {
  if (!queue->closing && !queue->delivering) flush(queue);
  bool due = !queue->delivering && queue->out_size > 0;
  if (queue->closing || due) {
    settle(queue);
    errno = due ? ENOBUFS : EBADF;
    return -1;
  }
  int descriptor = queue->descriptor;
  queue->closing = queue->keep_descriptor = true;
  settle(queue);
  return descriptor;
}
