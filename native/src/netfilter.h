/* A socket to the rest of netfilter: nf_tables, connection tracking. No N-API. */
#ifndef NFQ_NETFILTER_H
#define NFQ_NETFILTER_H

#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "socket.h"

/* A netlink socket that is connected to the kernel; -1 with `failure` set if there is none. */
int nfq_netlink_open(struct nfq_failure *failure);

/* Opens a socket whose buffers hold `buffer` bytes, if that is granted. Returns the descriptor, or -1 with `failure` set. */
int nfq_netfilter_open(uint32_t buffer, struct nfq_failure *failure);

/* Bytes that one message, or one batch of them, may have. */
uint32_t nfq_netfilter_limit(int descriptor);

/* Sends messages as one datagram; returns 0 or an errno. The kernel has carried them out when this returns. */
int nfq_netfilter_send(int descriptor, const void *data, size_t size);

/* Takes the next answer; returns its size, 0 if there is none, or -1 with errno set. */
ssize_t nfq_netfilter_receive(int descriptor, void *data, size_t size);

#endif
