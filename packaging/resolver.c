/* Bounds the time that c-ares takes for libcurl's names. packaging/static-libraries compiles it into libcurl.a and renames
   libcurl's calls of four c-ares functions to those below.

   c-ares 1.18 waits 5 s before it asks the second name server, and as long for an AAAA answer that never comes: an AWS
   call's attempt is over by then. Here all servers together have TOTAL_MS, and once there are IPv4 addresses, IPv6 ones
   are awaited for GRACE_MS more. The rest of resolv.conf (search, ndots, rotate) and TCP fallback stay c-ares's own.

   Threads: a channel is used by one thread at a time; `lookups` is shared and locked. */

#include <ares.h>
#include <pthread.h>
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

int resolver_init_options(ares_channel *channel, struct ares_options *options, int mask) {
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

/* --- IPv4 and IPv6 as two lookups --- */

enum { V4, V6 };

struct lookup {
  struct lookup *next;
  ares_channel channel;
  ares_addrinfo_callback callback;
  void *arg;
  int pending, timeouts;
  int status[2];
  struct ares_addrinfo *found[2];
  long long end; /* when to stop waiting for IPv6 addresses, in ms; 0 for no limit */
};

static struct lookup *lookups;
static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;

static long long now_ms(void) {
  struct timespec now;
  clock_gettime(CLOCK_MONOTONIC, &now);
  return now.tv_sec * 1000LL + now.tv_nsec / 1000000;
}

/* libcurl resolves one name at a time on a channel. */
static struct lookup *find(ares_channel channel) {
  pthread_mutex_lock(&lock);
  struct lookup *lookup = lookups;
  while (lookup && lookup->channel != channel)
    lookup = lookup->next;
  pthread_mutex_unlock(&lock);
  return lookup;
}

static void insert(struct lookup *lookup) {
  pthread_mutex_lock(&lock);
  lookup->next = lookups;
  lookups = lookup;
  pthread_mutex_unlock(&lock);
}

static void discard(struct lookup *lookup) {
  pthread_mutex_lock(&lock);
  struct lookup **place = &lookups;
  while (*place && *place != lookup)
    place = &(*place)->next;
  if (*place)
    *place = lookup->next;
  pthread_mutex_unlock(&lock);
  free(lookup);
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
  discard(lookup);
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
  ares_getaddrinfo(lookup->channel, name, service, &hints, family == V4 ? record_v4 : record_v6, lookup);
}

void resolver_getaddrinfo(ares_channel channel, const char *name, const char *service,
                          const struct ares_addrinfo_hints *hints, ares_addrinfo_callback callback, void *arg) {
  struct lookup *lookup = hints->ai_family == AF_UNSPEC ? calloc(1, sizeof *lookup) : NULL;
  if (!lookup) {
    ares_getaddrinfo(channel, name, service, hints, callback, arg);
    return;
  }
  lookup->channel = channel;
  lookup->callback = callback;
  lookup->arg = arg;
  lookup->pending = 3; /* the third for this function, so that nothing finishes before its end */
  insert(lookup);
  start(lookup, V6, name, service, hints);
  start(lookup, V4, name, service, hints);
  /* A result without a wait is an address, or from the hosts file, which then has the last word. */
  if (lookup->pending == 2 && (lookup->found[V4] || lookup->found[V6]))
    ares_cancel(channel);
  if (--lookup->pending == 0)
    finish(lookup);
}

struct timeval *resolver_timeout(ares_channel channel, struct timeval *longest, struct timeval *space) {
  struct timeval *timeout = ares_timeout(channel, longest, space);
  struct lookup *lookup = find(channel);
  if (!lookup || !lookup->end)
    return timeout;
  long long rest = lookup->end - now_ms();
  if (rest < 0)
    rest = 0;
  if (timeout && timeout->tv_sec * 1000LL + timeout->tv_usec / 1000 <= rest)
    return timeout;
  space->tv_sec = rest / 1000;
  space->tv_usec = rest % 1000 * 1000;
  return space;
}

void resolver_process_fd(ares_channel channel, ares_socket_t readable, ares_socket_t writable) {
  ares_process_fd(channel, readable, writable);
  struct lookup *lookup = find(channel);
  if (lookup && lookup->end && lookup->end <= now_ms())
    ares_cancel(channel); /* ends the IPv6 lookup, and with it both */
}
