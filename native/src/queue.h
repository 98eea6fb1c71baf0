/* A queue at work: reads batches on the event loop, hands them to JavaScript, sends the answers. */
#ifndef NFQ_QUEUE_H
#define NFQ_QUEUE_H

#include <node_api.h>
#include <stdbool.h>
#include <stdint.h>
#include <sys/socket.h>
#include <uv.h>

#include "batch.h"
#include "socket.h"
#include "verdict.h"

/* What JavaScript holds for us, or we hold of it, as long as the queue is open. */
enum nfq_reference {
  NFQ_ON_BATCH,   /* (count) => void, the user's */
  NFQ_ON_THROW,   /* (error) => void: what the user's threw; must not throw */
  NFQ_ON_FAILURE, /* (step, errno) => void: the socket failed; must not throw */
  NFQ_MEMORY,     /* the batch's ArrayBuffer */
  NFQ_HANDLE,     /* the JavaScript value that owns this struct: an open queue is never collected */
  NFQ_REFERENCES
};

struct nfq_statistics {
  uint64_t received, batches, accepted, dropped, verdict_errors, receive_errors, callback_errors;
  uint64_t messages_sent, send_calls, receive_calls;
};

struct nfq_queue {
  napi_env env;
  napi_ref references[NFQ_REFERENCES];
  napi_async_context async_context;
  napi_async_cleanup_hook_handle cleanup_hook;
  uv_poll_t poll;
  int armed;      /* events the poll handle waits for now */
  int descriptor; /* -1 once closed or handed out */
  uint16_t number;
  bool paused;
  bool delivering;      /* a batch is with JavaScript, or its answers are being sent */
  bool closing;         /* close or detach was asked for, maybe in the middle of a batch */
  bool keep_descriptor; /* it was detach */
  bool closed;          /* and it has been carried out */
  struct nfq_batch batch;
  struct nfq_buffer receive_buffer;
  struct nfq_statistics statistics;
  struct mmsghdr messages[NFQ_BATCH];
  struct iovec slots[NFQ_BATCH];
  /* Answers on their way: a batch's verdicts and the drops of messages that could not be parsed. */
  size_t out_size, out_sent;
  uint8_t out[NFQ_BATCH * NFQ_VERDICT_BYTES];
};

/*
 * Starts reading from queue->descriptor. The env, the references, the number, the batch and the
 * descriptor are set. Returns 0 or an errno; then nothing has been started.
 */
int nfq_queue_start(struct nfq_queue *queue);

void nfq_queue_pause(struct nfq_queue *queue, bool paused);

/*
 * Stops for good and closes the descriptor. In the middle of a batch it happens as soon as the batch is
 * answered. A second call does nothing.
 */
void nfq_queue_close(struct nfq_queue *queue);

/*
 * Stops for good and returns the descriptor, which stays open; in the middle of a batch, the batch is
 * still answered. Returns -1 with errno EBADF if the queue is closed already, or with errno ENOBUFS, and
 * nothing changed, if answers are due that the kernel does not take now.
 */
int nfq_queue_detach(struct nfq_queue *queue);

#endif
