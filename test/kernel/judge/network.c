/* A network of the judge's own: nothing leaves it, and it is gone with the judge. */
#define _GNU_SOURCE
#include "judge.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/if_tun.h>
#include <linux/ipv6.h>
#include <linux/netlink.h>
#include <linux/rtnetlink.h>
#include <netinet/in.h>
#include <pthread.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <unistd.h>

/* What would make verdicts depend on who came before, or would let the kernel speak unasked. */
static const char *const SETTINGS[][2] = {
    {"ipv4/conf/all/rp_filter", "0"},
    {"ipv4/conf/default/rp_filter", "0"},
    {"ipv4/conf/all/accept_local", "1"},
    {"ipv4/conf/default/accept_local", "1"},
    {"ipv4/conf/all/route_localnet", "1"},
    {"ipv4/conf/default/route_localnet", "1"},
    {"ipv4/conf/all/send_redirects", "0"},
    {"ipv4/conf/default/send_redirects", "0"},
    {"ipv4/conf/all/accept_source_route", "1"},
    {"ipv4/conf/default/accept_source_route", "1"},
    {"ipv4/icmp_ratelimit", "0"},
    {"ipv4/icmp_ratemask", "0"},
    {"ipv4/icmp_echo_ignore_broadcasts", "0"},
    {"ipv6/icmp/ratelimit", "0"},
    {"ipv6/conf/default/accept_dad", "0"},
    {"ipv6/conf/default/accept_ra", "0"},
    {"ipv6/conf/default/accept_redirects", "0"},
    {"ipv6/conf/default/router_solicitations", "0"},
    {"ipv6/conf/default/addr_gen_mode", "1"},
};
/* Not in every namespace, nor in every kernel. */
static const char *const OPTIONAL_SETTINGS[][2] = {
    {"ipv4/icmp_msgs_per_sec", "1000000000"},
    {"ipv4/icmp_msgs_burst", "1000000000"},
};

static struct {
  const char *name;
  int fd;
} tuns[MAX_INTERFACES];
static int tun_count;
static int raw4 = -1, raw6 = -1;
static char bound[IFNAMSIZ];

static bool set(const char *name, const char *value) {
  char path[128];
  snprintf(path, sizeof path, "/proc/sys/net/%s", name);
  int fd = open(path, O_WRONLY | O_CLOEXEC);
  bool done = fd >= 0 && write(fd, value, strlen(value)) >= 0;
  if (fd >= 0) close(fd);
  return done;
}

static void settings(bool forward) {
  for (size_t i = 0; i < sizeof SETTINGS / sizeof *SETTINGS; i++)
    if (!set(SETTINGS[i][0], SETTINGS[i][1])) die(SETTINGS[i][0]);
  for (size_t i = 0; i < sizeof OPTIONAL_SETTINGS / sizeof *OPTIONAL_SETTINGS; i++)
    set(OPTIONAL_SETTINGS[i][0], OPTIONAL_SETTINGS[i][1]);
  if (forward && !(set("ipv4/ip_forward", "1") && set("ipv6/conf/all/forwarding", "1"))) die("forwarding");
}

static int make_tun(const char *name) {
  struct ifreq request = {.ifr_flags = IFF_TUN | IFF_NO_PI};
  if (strlen(name) >= IFNAMSIZ) refuse("an interface's name is too long", name);
  strcpy(request.ifr_name, name);
  int fd = open("/dev/net/tun", O_RDWR | O_NONBLOCK | O_CLOEXEC);
  if (fd < 0) die("/dev/net/tun");
  if (ioctl(fd, TUNSETIFF, &request) < 0) die("TUNSETIFF");
  return fd;
}

static void ask(int fd, struct request *request, const char *what) {
  int error = netlink_ask(fd, request);
  if (error == 0) return;
  errno = error;
  die(what);
}

static void bring_up(int fd, unsigned index) {
  struct ifinfomsg link = {.ifi_index = (int)index, .ifi_flags = IFF_UP, .ifi_change = IFF_UP};
  struct request request;
  netlink_begin(&request, RTM_NEWLINK, 0, &link, sizeof link);
  ask(fd, &request, "an interface does not come up");
}

/* ADDRESS/LENGTH@INTERFACE, with the broadcast address that `ip addr add` leaves out. */
static void add_address(int fd, const char *text) {
  char address[INET6_ADDRSTRLEN + 1], interface[IFNAMSIZ];
  unsigned length;
  if (sscanf(text, "%46[^/]/%u@%15s", address, &length, interface) != 3)
    refuse("not ADDRESS/LENGTH@INTERFACE", text);
  bool six = strchr(address, ':') != NULL;
  uint8_t bytes[16];
  if (inet_pton(six ? AF_INET6 : AF_INET, address, bytes) != 1) refuse("no address", address);
  struct ifaddrmsg head = {
      .ifa_family = six ? AF_INET6 : AF_INET,
      .ifa_prefixlen = (uint8_t)length,
      .ifa_flags = six ? IFA_F_NODAD : 0,
      .ifa_index = if_nametoindex(interface),
  };
  if (head.ifa_index == 0) refuse("no such interface", interface);
  struct request request;
  netlink_begin(&request, RTM_NEWADDR, NLM_F_CREATE | NLM_F_EXCL, &head, sizeof head);
  netlink_attribute(&request, IFA_LOCAL, bytes, six ? 16 : 4);
  netlink_attribute(&request, IFA_ADDRESS, bytes, six ? 16 : 4);
  ask(fd, &request, text);
}

static void add_default_route(int fd, int family, unsigned index) {
  struct rtmsg head = {
      .rtm_family = (uint8_t)family,
      .rtm_table = RT_TABLE_MAIN,
      .rtm_protocol = RTPROT_BOOT,
      .rtm_scope = RT_SCOPE_LINK,
      .rtm_type = RTN_UNICAST,
  };
  struct request request;
  netlink_begin(&request, RTM_NEWROUTE, NLM_F_CREATE, &head, sizeof head);
  netlink_attribute(&request, RTA_OIF, &index, sizeof index);
  ask(fd, &request, "a default route");
}

static int raw_socket(int family, int level, int header_included, int transparent) {
  int fd = socket(family, SOCK_RAW | SOCK_CLOEXEC, IPPROTO_RAW), one = 1;
  if (fd < 0) die("a raw socket");
  /* The taps know by it what is ours of all that the host sends. */
  if (setsockopt(fd, level, transparent, &one, sizeof one) < 0) die("IP_TRANSPARENT");
  if (setsockopt(fd, level, header_included, &one, sizeof one) < 0) die("IP_HDRINCL");
  if (setsockopt(fd, SOL_SOCKET, SO_BROADCAST, &one, sizeof one) < 0) die("SO_BROADCAST");
  return fd;
}

static void *close_each(void *list) {
  for (int *fd = list; *fd >= 0; fd++) close(*fd);
  free(list);
  return NULL;
}

/* The kernel takes its time to remove an interface: we don't wait for it. */
static void close_tuns(void) {
  int *list = calloc(MAX_INTERFACES + 1, sizeof *list);
  if (list == NULL) die("memory");
  for (int i = 0; i < tun_count; i++) list[i] = tuns[i].fd;
  list[tun_count] = -1;
  tun_count = 0;
  pthread_t thread;
  if (pthread_create(&thread, NULL, close_each, list) != 0) die("a thread");
  pthread_detach(thread);
}

void network_fresh(const struct options *options) {
  close_tuns();
  if (raw4 >= 0) close(raw4);
  if (raw6 >= 0) close(raw6);
  bound[0] = 0;
  if (unshare(CLONE_NEWNET) < 0) die("a network namespace");
  settings(options->forward);
  int fd = netlink_open(NETLINK_ROUTE);
  bring_up(fd, if_nametoindex("lo"));
  for (; tun_count < options->interface_count; tun_count++) {
    const char *name = options->interfaces[tun_count];
    tuns[tun_count].name = name;
    tuns[tun_count].fd = make_tun(name);
    bring_up(fd, if_nametoindex(name));
  }
  for (int i = 0; i < options->address_count; i++) add_address(fd, options->addresses[i]);
  unsigned first = if_nametoindex(tuns[0].name);
  add_default_route(fd, AF_INET, first);
  add_default_route(fd, AF_INET6, first);
  close(fd);
  raw4 = raw_socket(AF_INET, IPPROTO_IP, IP_HDRINCL, IP_TRANSPARENT);
  raw6 = raw_socket(AF_INET6, IPPROTO_IPV6, IPV6_HDRINCL, IPV6_TRANSPARENT);
  /* What we send is not to be put together on its way out, other than by connection tracking. */
  int one = 1;
  if (setsockopt(raw4, IPPROTO_IP, IP_NODEFRAG, &one, sizeof one) < 0) die("IP_NODEFRAG");
}

int network_arrive(const char *interface, const uint8_t *packet, size_t length) {
  for (int i = 0; i < tun_count; i++) {
    if (strcmp(tuns[i].name, interface) != 0) continue;
    return write(tuns[i].fd, packet, length) < 0 ? errno : 0;
  }
  return -1;
}

static void bind_to(const char *interface) {
  if (strcmp(bound, interface) == 0) return;
  const char *name = strcmp(interface, "-") == 0 ? "" : interface;
  socklen_t length = strlen(name);
  setsockopt(raw4, SOL_SOCKET, SO_BINDTODEVICE, name, length);
  setsockopt(raw6, SOL_SOCKET, SO_BINDTODEVICE, name, length);
  snprintf(bound, sizeof bound, "%s", interface);
}

int network_send(const char *interface, const uint8_t *packet, size_t length) {
  bind_to(interface);
  ssize_t sent;
  if (length >= 1 && packet[0] >> 4 == 4) {
    struct sockaddr_in to = {.sin_family = AF_INET};
    if (length >= 20) memcpy(&to.sin_addr, packet + 16, 4);
    sent = sendto(raw4, packet, length, MSG_DONTWAIT, (struct sockaddr *)&to, sizeof to);
  } else {
    struct sockaddr_in6 to = {.sin6_family = AF_INET6};
    if (length >= 40) memcpy(&to.sin6_addr, packet + 24, 16);
    sent = sendto(raw6, packet, length, MSG_DONTWAIT, (struct sockaddr *)&to, sizeof to);
  }
  return sent < 0 ? errno : 0;
}
