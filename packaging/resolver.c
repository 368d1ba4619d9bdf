/* Bounds the time that c-ares takes for libcurl's names, and reads its files only for a name. packaging/static-libraries
   compiles it into libcurl.a and renames libcurl's calls of the c-ares functions to those below.

   c-ares 1.18 waits 5 s before it asks the second name server, and as long for an AAAA answer that never comes: an AWS
   call's attempt is over by then. Here all servers together have TOTAL_MS, and once there are IPv4 addresses, IPv6 ones
   are awaited for GRACE_MS more. The rest of resolv.conf (search, ndots, rotate) and TCP fallback stay c-ares's own.

   libcurl initializes c-ares with each handle, and URLSession creates a handle for each request: without names, as in a
   Runtime API's address, it would read resolv.conf, nsswitch.conf and 31 random bytes for nothing.

   Threads: a resolver is used by one thread at a time. */

#include <ares.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

enum { SERVER_MS = 400, TOTAL_MS = 3500, GRACE_MS = 250 };

/* --- Time for each server --- */

static int count_servers(ares_channel channel) {
  struct ares_addr_node *servers = NULL;
  int count = 0;
  if (ares_get_servers(channel, &servers) == ARES_SUCCESS)
    for (struct ares_addr_node *server = servers; server; server = server->next)
      count++;
  ares_free_data(servers);
  return count ? count : 1;
}

static int init_for(int servers, ares_channel *channel, const struct ares_options *given, int mask) {
  struct ares_options options = *given;
  /* Each round asks every server and doubles the time: 3 rounds take 7 times that of the first. */
  options.tries = servers == 1 ? 3 : servers <= 3 ? 2 : 1;
  int time = TOTAL_MS / (servers * ((1 << options.tries) - 1));
  options.timeout = time < SERVER_MS ? time : SERVER_MS;
  return ares_init_options(channel, &options, mask | ARES_OPT_TIMEOUTMS | ARES_OPT_TRIES);
}

static int init_channel(ares_channel *channel, const struct ares_options *options, int mask) {
  /* resolv.conf is read by the initialization that already needs the number of its servers: assume the last one. */
  static atomic_int last_count = 1;
  int assumed = last_count;
  int status = init_for(assumed, channel, options, mask);
  if (status != ARES_SUCCESS)
    return status;
  int actual = count_servers(*channel);
  if (actual == assumed)
    return ARES_SUCCESS;
  last_count = actual;
  ares_destroy(*channel);
  return init_for(actual, channel, options, mask);
}

/* --- A channel that is initialized for its first name --- */

struct lookup;

/* What libcurl takes for its channel. */
struct resolver {
  ares_channel channel; /* NULL before the first use */
  struct ares_options options;
  int mask;
  struct lookup *lookup; /* libcurl resolves one name at a time on a channel */
};

static struct resolver *resolver_of(ares_channel channel) { return (struct resolver *)channel; }

int resolver_init_options(ares_channel *channel, struct ares_options *options, int mask) {
  struct resolver *resolver = calloc(1, sizeof *resolver);
  if (!resolver)
    return ARES_ENOMEM;
  resolver->options = *options; /* libcurl's options are a flag and a callback: nothing that it frees */
  resolver->mask = mask;
  *channel = (ares_channel)resolver;
  return ARES_SUCCESS;
}

static int init(struct resolver *resolver) {
  if (resolver->channel)
    return ARES_SUCCESS;
  int status = init_channel(&resolver->channel, &resolver->options, resolver->mask);
  if (status != ARES_SUCCESS)
    resolver->channel = NULL;
  return status;
}

void resolver_destroy(ares_channel channel) {
  struct resolver *resolver = resolver_of(channel);
  if (resolver && resolver->channel)
    ares_destroy(resolver->channel);
  free(resolver);
}

void resolver_cancel(ares_channel channel) {
  if (resolver_of(channel)->channel)
    ares_cancel(resolver_of(channel)->channel);
}

int resolver_getsock(ares_channel channel, ares_socket_t *sockets, int count) {
  return resolver_of(channel)->channel ? ares_getsock(resolver_of(channel)->channel, sockets, count) : 0;
}

int resolver_set_servers_ports_csv(ares_channel channel, const char *servers) {
  int status = init(resolver_of(channel));
  return status == ARES_SUCCESS ? ares_set_servers_ports_csv(resolver_of(channel)->channel, servers) : status;
}

void resolver_set_local_dev(ares_channel channel, const char *name) {
  if (init(resolver_of(channel)) == ARES_SUCCESS)
    ares_set_local_dev(resolver_of(channel)->channel, name);
}

void resolver_set_local_ip4(ares_channel channel, unsigned int address) {
  if (init(resolver_of(channel)) == ARES_SUCCESS)
    ares_set_local_ip4(resolver_of(channel)->channel, address);
}

void resolver_set_local_ip6(ares_channel channel, const unsigned char *address) {
  if (init(resolver_of(channel)) == ARES_SUCCESS)
    ares_set_local_ip6(resolver_of(channel)->channel, address);
}

/* --- IPv4 and IPv6 as two lookups --- */

enum { V4, V6 };

struct lookup {
  struct resolver *resolver;
  ares_addrinfo_callback callback;
  void *arg;
  int pending, timeouts;
  int status[2];
  struct ares_addrinfo *found[2];
  long long end; /* when to stop waiting for IPv6 addresses, in ms; 0 for no limit */
};

static long long now_ms(void) {
  struct timespec now;
  clock_gettime(CLOCK_MONOTONIC, &now);
  return now.tv_sec * 1000LL + now.tv_nsec / 1000000;
}

/* Whether there is a route to the first address: then IPv6 comes first (RFC 6724). */
static int is_reachable(const struct ares_addrinfo *info) {
  int descriptor = socket(info->nodes->ai_family, SOCK_DGRAM | SOCK_CLOEXEC, 0);
  if (descriptor < 0)
    return 0;
  int result = connect(descriptor, info->nodes->ai_addr, info->nodes->ai_addrlen);
  close(descriptor);
  return result == 0;
}

/* Appends the second one's addresses to the first's. */
static struct ares_addrinfo *join(struct ares_addrinfo *first, struct ares_addrinfo *second) {
  struct ares_addrinfo_node *last = first->nodes;
  while (last->ai_next)
    last = last->ai_next;
  last->ai_next = second->nodes;
  second->nodes = NULL;
  ares_freeaddrinfo(second);
  return first;
}

static void finish(struct lookup *lookup) {
  struct ares_addrinfo *v4 = lookup->found[V4], *v6 = lookup->found[V6], *result;
  if (v4 && v6)
    result = is_reachable(v6) ? join(v6, v4) : join(v4, v6);
  else
    result = v4 ? v4 : v6;
  ares_addrinfo_callback callback = lookup->callback;
  void *arg = lookup->arg;
  int status = result ? ARES_SUCCESS : lookup->status[V4], timeouts = lookup->timeouts;
  lookup->resolver->lookup = NULL;
  free(lookup);
  callback(arg, status, timeouts, result);
}

static void record(struct lookup *lookup, int family, int status, int timeouts, struct ares_addrinfo *info) {
  lookup->timeouts += timeouts;
  lookup->status[family] = status;
  if (info && status == ARES_SUCCESS && info->nodes)
    lookup->found[family] = info;
  else
    ares_freeaddrinfo(info);
  if (--lookup->pending == 0)
    finish(lookup);
  else if (lookup->found[V4])
    lookup->end = now_ms() + GRACE_MS;
}

static void record_v4(void *arg, int status, int timeouts, struct ares_addrinfo *info) {
  record(arg, V4, status, timeouts, info);
}

static void record_v6(void *arg, int status, int timeouts, struct ares_addrinfo *info) {
  record(arg, V6, status, timeouts, info);
}

static void start(struct lookup *lookup, int family, const char *name, const char *service,
                  const struct ares_addrinfo_hints *given) {
  struct ares_addrinfo_hints hints = *given;
  hints.ai_family = family == V4 ? AF_INET : AF_INET6;
  ares_getaddrinfo(lookup->resolver->channel, name, service, &hints, family == V4 ? record_v4 : record_v6, lookup);
}

void resolver_getaddrinfo(ares_channel channel, const char *name, const char *service,
                          const struct ares_addrinfo_hints *hints, ares_addrinfo_callback callback, void *arg) {
  struct resolver *resolver = resolver_of(channel);
  int status = init(resolver);
  if (status != ARES_SUCCESS) {
    callback(arg, status, 0, NULL);
    return;
  }
  struct lookup *lookup = hints->ai_family == AF_UNSPEC ? calloc(1, sizeof *lookup) : NULL;
  if (!lookup) {
    ares_getaddrinfo(resolver->channel, name, service, hints, callback, arg);
    return;
  }
  lookup->resolver = resolver;
  lookup->callback = callback;
  lookup->arg = arg;
  lookup->pending = 3; /* the third for this function, so that nothing finishes before its end */
  resolver->lookup = lookup;
  start(lookup, V6, name, service, hints);
  start(lookup, V4, name, service, hints);
  /* A result without a wait is an address, or from the hosts file, which then has the last word. */
  if (lookup->pending == 2 && (lookup->found[V4] || lookup->found[V6]))
    ares_cancel(resolver->channel);
  if (--lookup->pending == 0)
    finish(lookup);
}

struct timeval *resolver_timeout(ares_channel channel, struct timeval *longest, struct timeval *space) {
  struct resolver *resolver = resolver_of(channel);
  struct timeval *timeout = resolver->channel ? ares_timeout(resolver->channel, longest, space) : longest;
  if (!resolver->lookup || !resolver->lookup->end)
    return timeout;
  long long rest = resolver->lookup->end - now_ms();
  if (rest < 0)
    rest = 0;
  if (timeout && timeout->tv_sec * 1000LL + timeout->tv_usec / 1000 <= rest)
    return timeout;
  space->tv_sec = rest / 1000;
  space->tv_usec = rest % 1000 * 1000;
  return space;
}

void resolver_process_fd(ares_channel channel, ares_socket_t readable, ares_socket_t writable) {
  struct resolver *resolver = resolver_of(channel);
  if (!resolver->channel)
    return;
  ares_process_fd(resolver->channel, readable, writable);
  if (resolver->lookup && resolver->lookup->end && resolver->lookup->end <= now_ms())
    ares_cancel(resolver->channel); /* ends the IPv6 lookup, and with it both */
}
