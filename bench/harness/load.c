// The load generator: opens streams of server-sent events, publishes over HTTP, and checks every update that arrives.
//
// An update's data is `~`, a record of 32 hexadecimal digits, filling, and `!`. The record contains the publisher (2
// digits), the channel (6), the number of the update among this publisher's updates on this channel (8), and the time,
// in nanoseconds of the monotonic clock (16). A channel is the updates of one group of streams: a topic, or the topics
// of a pattern. Each stream therefore knows the next update, and detects updates that are lost, repeated, out of order,
// cut, or meant for other streams.
//
// One thread does everything, so that a slow reader slows the publishers too, and no queue grows unseen.
// The program prints one line of JSON. CPU time is that of the processes in --pids, from /proc/PID/task/*/schedstat.
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <getopt.h>
#include <math.h>
#include <netinet/tcp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#define RECORD 32
#define HEAD 4096
#define MOST 64
#define PUBLISHER 0x80000000u
#define EVENTS 512

static void fail(const char *format, ...) {
  va_list arguments;
  va_start(arguments, format);
  vfprintf(stderr, format, arguments);
  va_end(arguments);
  fputc('\n', stderr);
  exit(1);
}

static uint64_t now(void) {
  struct timespec t;
  clock_gettime(CLOCK_MONOTONIC, &t);
  return (uint64_t)t.tv_sec * 1000000000ull + (uint64_t)t.tv_nsec;
}

// ---------------------------------------------------------------------------------------------------------------------
// Arguments

static struct {
  int port, streams, stalled, sources, channels, publishers, size, pending;
  double rate, warm, seconds, settle, patience, memory_limit;
  uint64_t updates, warm_updates, expect;
  bool deaf;
  const char *pids, *path, *publish_path, *publish_body;
  const char *stalled_paths[MOST];
  int stalled_path_count;
  const char *stream_headers[MOST];
  int stream_header_count;
  const char *publish_headers[MOST];
  int publish_header_count;
} ask = {.sources = 8, .channels = 1, .size = 200, .pending = 128, .patience = 30, .pids = "", .path = "/", .publish_path = "/", .publish_body = ""};

enum option_key {
  PORT = 256, PIDS, STREAMS, STALLED, SOURCES, CHANNELS, PENDING, PATH, STALLED_PATH, STREAM_HEADER, PUBLISHERS, PUBLISH_PATH,
  PUBLISH_BODY, PUBLISH_HEADER, SIZE, RATE, WARM, WARM_UPDATES,
  SECONDS, UPDATES, EXPECT, DEAF, SETTLE, PATIENCE, MEMORY_LIMIT
};

static const struct option options[] = {
    {"port", 1, 0, PORT},                     // where the server listens, on 127.0.0.1
    {"pids", 1, 0, PIDS},                     // the server's processes, with commas between
    {"streams", 1, 0, STREAMS},               // the number of streams that read
    {"stalled", 1, 0, STALLED},               // the number of further streams, which read only the head
    {"sources", 1, 0, SOURCES},               // the number of their addresses
    {"channels", 1, 0, CHANNELS},             // stream i is on channel i % channels
    {"pending", 1, 0, PENDING},               // the max number of requests for streams without an answer
    {"path", 1, 0, PATH},                     // the path of a stream; {n} is its channel
    {"stalled-path", 1, 0, STALLED_PATH},     // the path of stalled streams, if it differs; several take turns
    {"stream-header", 1, 0, STREAM_HEADER},   // "Name: value"
    {"publishers", 1, 0, PUBLISHERS},         // the number of connections that publish; each waits for its answers
    {"publish-path", 1, 0, PUBLISH_PATH},     // {n} is the channel, {s} the number of the update
    {"publish-body", 1, 0, PUBLISH_BODY},     // the text before the data; {n} and {s} as above
    {"publish-header", 1, 0, PUBLISH_HEADER}, // "Name: value"
    {"size", 1, 0, SIZE},                     // the size of the data in bytes; 0: any size
    {"rate", 1, 0, RATE},                     // the updates a second in all; 0: the next one after each answer
    {"warm", 1, 0, WARM},                     // the seconds before the measurement, see `seconds`
    {"warm-updates", 1, 0, WARM_UPDATES},     // the number of updates before the measurement, instead of seconds
    {"seconds", 1, 0, SECONDS},               // the seconds of the server's CPU time; with a rate, of the clock
    {"updates", 1, 0, UPDATES},               // the number of updates, instead of seconds, within `patience`
    {"expect", 1, 0, EXPECT},                 // publish nothing, and wait until each stream had this many updates
    {"deaf", 0, 0, DEAF},                     // streams read nothing until all updates are published
    {"settle", 1, 0, SETTLE},                 // the seconds with all streams open before memory is read
    {"patience", 1, 0, PATIENCE},             // the max seconds to wait for missing updates, and for `updates`
    {"memory-limit", 1, 0, MEMORY_LIMIT},     // stop publishing when the server has grown by this many bytes
    {0, 0, 0, 0}};

static void add(const char **list, int *count, const char *value) {
  if (*count == MOST) fail("more than %d of one kind of argument", MOST);
  list[(*count)++] = value;
}

static void read_arguments(int argc, char **argv) {
  for (int key; (key = getopt_long(argc, argv, "", options, NULL)) != -1;) switch (key) {
      case PORT: ask.port = atoi(optarg); break;
      case PIDS: ask.pids = optarg; break;
      case STREAMS: ask.streams = atoi(optarg); break;
      case STALLED: ask.stalled = atoi(optarg); break;
      case SOURCES: ask.sources = atoi(optarg); break;
      case CHANNELS: ask.channels = atoi(optarg); break;
      case PENDING: ask.pending = atoi(optarg); break;
      case PATH: ask.path = optarg; break;
      case STALLED_PATH: add(ask.stalled_paths, &ask.stalled_path_count, optarg); break;
      case STREAM_HEADER: add(ask.stream_headers, &ask.stream_header_count, optarg); break;
      case PUBLISHERS: ask.publishers = atoi(optarg); break;
      case PUBLISH_PATH: ask.publish_path = optarg; break;
      case PUBLISH_BODY: ask.publish_body = optarg; break;
      case PUBLISH_HEADER: add(ask.publish_headers, &ask.publish_header_count, optarg); break;
      case SIZE: ask.size = atoi(optarg); break;
      case RATE: ask.rate = atof(optarg); break;
      case WARM: ask.warm = atof(optarg); break;
      case WARM_UPDATES: ask.warm_updates = strtoull(optarg, NULL, 10); break;
      case DEAF: ask.deaf = true; break;
      case MEMORY_LIMIT: ask.memory_limit = atof(optarg); break;
      case SECONDS: ask.seconds = atof(optarg); break;
      case UPDATES: ask.updates = strtoull(optarg, NULL, 10); break;
      case EXPECT: ask.expect = strtoull(optarg, NULL, 10); break;
      case SETTLE: ask.settle = atof(optarg); break;
      case PATIENCE: ask.patience = atof(optarg); break;
      default: exit(2);
    }
  if (ask.size > 0 && ask.size < RECORD + 2) fail("--size must be at least %d", RECORD + 2);
  if (ask.publishers > 255) fail("--publishers must be at most 255");
}

// ---------------------------------------------------------------------------------------------------------------------
// The server's processes

static void each_pid(void (*visit)(const char *pid, double *sum), double *sum) {
  char *list = strdup(ask.pids), *rest = list;
  for (char *pid; (pid = strsep(&rest, ","));) if (*pid) visit(pid, sum);
  free(list);
}

static void add_cpu(const char *pid, double *sum) {
  char path[320];
  snprintf(path, sizeof path, "/proc/%s/task", pid);
  DIR *folder = opendir(path);
  if (!folder) fail("the server (process %s) has ended", pid);
  for (struct dirent *thread; (thread = readdir(folder));) {
    if (thread->d_name[0] == '.') continue;
    snprintf(path, sizeof path, "/proc/%s/task/%s/schedstat", pid, thread->d_name);
    FILE *file = fopen(path, "r");
    unsigned long long ran;
    if (!file) continue;
    if (fscanf(file, "%llu", &ran) == 1) *sum += (double)ran / 1e9;
    fclose(file);
  }
  closedir(folder);
}

static void add_memory(const char *pid, double *sum) {
  char path[64];
  long resident = 0;
  snprintf(path, sizeof path, "/proc/%s/statm", pid);
  FILE *file = fopen(path, "r");
  if (!file) fail("the server (process %s) has ended", pid);
  if (fscanf(file, "%*d %ld", &resident) == 1) *sum += (double)resident * (double)sysconf(_SC_PAGESIZE);
  fclose(file);
}

/** Seconds of CPU time that the server has used, in user and system mode. */
static double server_cpu(void) {
  double sum = 0;
  each_pid(add_cpu, &sum);
  return sum;
}

/** Seconds of CPU time that this process has used. */
static double own_cpu(void) {
  struct timespec t;
  clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &t);
  return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

/** The server's resident memory in bytes. */
static double server_memory(void) {
  double sum = 0;
  each_pid(add_memory, &sum);
  return sum;
}

// ---------------------------------------------------------------------------------------------------------------------
// Latencies: a histogram with 64 buckets for each power of two, so within 1.6 % of the truth

#define BUCKETS (64 * 64)
static uint64_t histogram[BUCKETS], latencies, slowest;

static void add_latency(uint64_t nanoseconds) {
  int power = nanoseconds < 64 ? 0 : 63 - __builtin_clzll(nanoseconds) - 6;
  histogram[power * 64 + (int)(nanoseconds >> power)]++;
  latencies++;
  if (nanoseconds > slowest) slowest = nanoseconds;
}

static double percentile(double share) {
  uint64_t left = (uint64_t)(share * (double)latencies);
  for (int i = 0; i < BUCKETS; i++) {
    if (histogram[i] > left) return i < 128 ? i : (double)((uint64_t)(i % 64 + 64) << (i / 64 - 1));
    left -= histogram[i];
  }
  return (double)slowest;
}

// ---------------------------------------------------------------------------------------------------------------------
// Streams, and the checks of their updates

enum framing { AWAITING_HEAD, WHOLE, CHUNK_SIZE, CHUNK, CHUNK_END };
enum reading { AWAIT_UPDATE, AWAIT_RECORD, SKIP_FILLING, AWAIT_END };

struct publisher_state {
  uint32_t next;   // the number of this publisher's next update
  uint64_t window; // the received ones among the 64 numbers before it
};

struct stream {
  int fd;
  uint32_t channel;
  bool stalled, closed;
  uint8_t framing, reading, have;
  uint32_t left;     // the bytes left of a chunk, or the part of its size read so far
  uint32_t skipping; // the bytes left of the filling
  uint32_t head_length;
  char *head;
  char record[RECORD];
  uint64_t received, order;
  struct publisher_state *publishers;
};

static struct stream *streams;
static int stream_count, opened, closed_count, epoll;
static uint64_t received, lost, repeated, disordered, misdelivered, broken, last_received;
static bool measuring;
static char buffer[1 << 18];
static int8_t digits[256];

static uint64_t hexadecimal(const char *text, int length) {
  uint64_t value = 0;
  for (int i = 0; i < length; i++) {
    int digit = digits[(uint8_t)text[i]];
    if (digit < 0) return UINT64_MAX;
    value = value << 4 | (uint64_t)digit;
  }
  return value;
}

static void verify(struct stream *stream, const char *record, uint64_t time) {
  uint64_t publisher = hexadecimal(record, 2), channel = hexadecimal(record + 2, 6);
  uint64_t number = hexadecimal(record + 8, 8), sent = hexadecimal(record + 16, 16);
  int publishers = ask.publishers ? ask.publishers : 1;
  if (publisher == UINT64_MAX || channel == UINT64_MAX || number == UINT64_MAX || sent == UINT64_MAX) {
    broken++;
    return;
  }
  if (publisher >= (uint64_t)publishers || channel != stream->channel) {
    misdelivered++;
    return;
  }
  struct publisher_state *state = &stream->publishers[publisher];
  if (number >= state->next) {
    uint64_t missing = number - state->next;
    lost += missing;
    state->window = missing >= 63 ? 1 : state->window << (missing + 1) | 1;
    state->next = (uint32_t)number + 1;
  } else {
    uint64_t age = state->next - 1 - number;
    if (age >= 64 || state->window >> age & 1) {
      repeated++;
      return;
    }
    state->window |= 1ull << age;
    lost--;
    disordered++;
  }
  stream->order = (stream->order ^ (publisher << 32 | number)) * 0x9e3779b97f4a7c15ull;
  stream->received++;
  received++;
  last_received = time;
  if (measuring) add_latency(time - sent);
}

/** Finds the updates in a part of the body, which can begin and end anywhere. */
static void read_body(struct stream *stream, const char *p, const char *end, uint64_t time) {
  while (p < end) switch (stream->reading) {
      case AWAIT_UPDATE:
        p = memchr(p, '~', (size_t)(end - p));
        if (!p) return;
        p++;
        stream->reading = AWAIT_RECORD;
        stream->have = 0;
        break;
      case AWAIT_RECORD: {
        size_t n = RECORD - stream->have;
        if (n > (size_t)(end - p)) n = (size_t)(end - p);
        memcpy(stream->record + stream->have, p, n);
        stream->have += n;
        p += n;
        if (stream->have < RECORD) return;
        stream->skipping = ask.size > 0 ? (uint32_t)ask.size - RECORD - 2 : 0;
        stream->reading = ask.size > 0 ? SKIP_FILLING : AWAIT_END;
        break;
      }
      case SKIP_FILLING: {
        size_t n = stream->skipping;
        if (n > (size_t)(end - p)) n = (size_t)(end - p);
        p += n;
        stream->skipping -= n;
        if (stream->skipping > 0 || p == end) return;
        if (*p == '!') verify(stream, stream->record, time);
        else broken++;
        p++;
        stream->reading = AWAIT_UPDATE;
        break;
      }
      case AWAIT_END:
        p = memchr(p, '!', (size_t)(end - p));
        if (!p) return;
        verify(stream, stream->record, time);
        p++;
        stream->reading = AWAIT_UPDATE;
        break;
    }
}

static void end_stream(struct stream *stream) {
  epoll_ctl(epoll, EPOLL_CTL_DEL, stream->fd, NULL);
  stream->closed = true;
  closed_count++;
}

/** Removes the framing of HTTP/1.1's chunks. */
static void read_chunks(struct stream *stream, const char *p, const char *end, uint64_t time) {
  while (p < end) switch (stream->framing) {
      case CHUNK_SIZE:
        if (digits[(uint8_t)*p] >= 0) {
          stream->left = stream->left << 4 | (uint32_t)digits[(uint8_t)*p];
        } else if (*p == '\n') {
          if (stream->left == 0) {
            end_stream(stream);
            return;
          }
          stream->framing = CHUNK;
        } else if (*p != '\r') {
          fail("a chunk's size is malformed");
        }
        p++;
        break;
      case CHUNK: {
        size_t n = stream->left;
        if (n > (size_t)(end - p)) n = (size_t)(end - p);
        read_body(stream, p, p + n, time);
        p += n;
        stream->left -= n;
        if (stream->left == 0) stream->framing = CHUNK_END;
        break;
      }
      default: // CHUNK_END
        if (*p == '\n') stream->framing = CHUNK_SIZE;
        p++;
    }
}

static void read_head(struct stream *stream, const char *p, const char *end, uint64_t time) {
  size_t n = (size_t)(end - p), taken = stream->head_length;
  if (n > HEAD - 1 - taken) n = HEAD - 1 - taken;
  memcpy(stream->head + taken, p, n);
  stream->head_length += n;
  stream->head[stream->head_length] = 0;
  char *blank = strstr(stream->head, "\r\n\r\n");
  if (!blank) {
    if (stream->head_length == HEAD - 1) fail("a head is longer than %d bytes", HEAD);
    return;
  }
  if (strncmp(stream->head, "HTTP/1.1 200", 12)) fail("a stream was refused:\n%s", stream->head);
  size_t head_length = (size_t)(blank + 4 - stream->head);
  blank[2] = 0;
  stream->framing = strcasestr(stream->head, "transfer-encoding: chunked") ? CHUNK_SIZE : WHOLE;
  free(stream->head);
  stream->head = NULL;
  opened++;
  if (stream->stalled) {
    epoll_ctl(epoll, EPOLL_CTL_DEL, stream->fd, NULL);
    return;
  }
  const char *body = p + (head_length - taken);
  if (stream->framing == WHOLE) read_body(stream, body, end, time);
  else read_chunks(stream, body, end, time);
}

static void read_stream(struct stream *stream) {
  ssize_t n = read(stream->fd, buffer, sizeof buffer);
  if (n < 0 && errno == EAGAIN) return;
  if (n <= 0) {
    if (stream->framing == AWAITING_HEAD) fail("a connection was closed before it was answered");
    end_stream(stream);
    return;
  }
  uint64_t time = now();
  if (stream->framing == AWAITING_HEAD) read_head(stream, buffer, buffer + n, time);
  else if (stream->framing == WHOLE) read_body(stream, buffer, buffer + n, time);
  else read_chunks(stream, buffer, buffer + n, time);
}

// ---------------------------------------------------------------------------------------------------------------------
// Connections

/** Opens connections from several addresses, because one address has only about 28,000 ports. */
static int dial(int number, bool stalled) {
  int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0), one = 1;
  if (fd < 0) fail("socket: %s", strerror(errno));
  if (ask.sources > 1) {
    struct sockaddr_in source = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(0x7f000002u + (uint32_t)(number % ask.sources))};
    setsockopt(fd, IPPROTO_IP, 24 /* IP_BIND_ADDRESS_NO_PORT */, &one, sizeof one);
    if (bind(fd, (struct sockaddr *)&source, sizeof source)) fail("bind: %s", strerror(errno));
  }
  struct sockaddr_in address = {.sin_family = AF_INET, .sin_port = htons((uint16_t)ask.port), .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
  // The segments have a network's size. With the loopback's 64 KB, the system accepts up to 4 MB for a stalled stream.
  if (stalled) setsockopt(fd, IPPROTO_TCP, TCP_MAXSEG, &(int){1460}, sizeof(int));
  if (connect(fd, (struct sockaddr *)&address, sizeof address)) fail("connect: %s", strerror(errno));
  setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one);
  fcntl(fd, F_SETFL, O_NONBLOCK);
  return fd;
}

static void watch(int fd, uint32_t data) {
  struct epoll_event event = {.events = EPOLLIN, .data.u32 = data};
  if (epoll_ctl(epoll, EPOLL_CTL_ADD, fd, &event)) fail("epoll_ctl: %s", strerror(errno));
}

static void send_all(int fd, const char *bytes, size_t length) {
  while (length > 0) {
    ssize_t n = write(fd, bytes, length);
    if (n < 0 && errno == EAGAIN) continue;
    if (n < 0) fail("write: %s", strerror(errno));
    bytes += n;
    length -= (size_t)n;
  }
}

/** Writes the template with {n} and {s} filled in; returns the end. */
static char *fill(char *to, const char *end, const char *template, uint64_t channel, uint64_t number) {
  for (const char *p = template; *p;) {
    if (end - to < 32) fail("a request is too long");
    if (p[0] == '{' && p[1] && p[2] == '}') {
      to += sprintf(to, "%llu", (unsigned long long)(p[1] == 'n' ? channel : number));
      p += 3;
    } else {
      *to++ = *p++;
    }
  }
  *to = 0;
  return to;
}

static void poll_streams(int timeout) {
  struct epoll_event events[EVENTS];
  int count = epoll_wait(epoll, events, EVENTS, timeout);
  for (int i = 0; i < count; i++) read_stream(&streams[events[i].data.u32]);
}

static void open_streams(void) {
  static char request[16384];
  int requested = 0;
  streams = calloc((size_t)stream_count, sizeof *streams);
  int publishers = ask.publishers ? ask.publishers : 1;
  for (int i = 0; i < stream_count; i++) {
    struct stream *stream = &streams[i];
    stream->stalled = i >= ask.streams;
    stream->fd = dial(i, stream->stalled);
    stream->channel = (uint32_t)(i % ask.channels);
    stream->head = malloc(HEAD);
    stream->publishers = calloc((size_t)publishers, sizeof *stream->publishers);
    char *p = request, *end = request + sizeof request;
    p += sprintf(p, "GET ");
    const char *path = stream->stalled && ask.stalled_path_count ? ask.stalled_paths[(i - ask.streams) % ask.stalled_path_count] : ask.path;
    p = fill(p, end, path, stream->channel, 0);
    p += sprintf(p, " HTTP/1.1\r\nHost: 127.0.0.1:%d\r\nAccept: text/event-stream\r\n", ask.port);
    for (int j = 0; j < ask.stream_header_count; j++) p += snprintf(p, (size_t)(end - p), "%s\r\n", ask.stream_headers[j]);
    p += sprintf(p, "\r\n");
    watch(stream->fd, (uint32_t)i);
    send_all(stream->fd, request, (size_t)(p - request));
    requested++;
    while (requested - opened >= ask.pending) poll_streams(1000);
  }
  uint64_t until = now() + (uint64_t)(ask.patience * 1e9);
  while (opened < stream_count && now() < until) poll_streams(100);
  if (opened < stream_count) fail("only %d of %d streams opened", opened, stream_count);
}

// ---------------------------------------------------------------------------------------------------------------------
// Publishers

struct publisher {
  int fd;
  bool busy;
  uint32_t *numbers; // the number of the next update on each channel
  uint32_t channel;  // the channel of the next update
  char answer[HEAD];
  size_t answer_length;
};

static struct publisher *publishers;
static uint64_t published, answered, refused, wanted;
static char *filling;

static void open_publishers(void) {
  publishers = calloc((size_t)ask.publishers + 1, sizeof *publishers);
  for (int i = 0; i < ask.publishers; i++) {
    publishers[i].fd = dial(i, false);
    publishers[i].numbers = calloc((size_t)ask.channels, sizeof(uint32_t));
    // Each begins at another channel. Otherwise all would publish to one channel at a time.
    publishers[i].channel = (uint32_t)((long)ask.channels * i / ask.publishers);
    watch(publishers[i].fd, PUBLISHER | (uint32_t)i);
  }
  int length = ask.size > 0 ? ask.size - RECORD - 2 : 0;
  filling = malloc((size_t)length + 1);
  memset(filling, 'x', (size_t)length);
  filling[length] = 0;
}

static uint64_t readers_of(uint32_t channel) {
  return (uint64_t)(ask.streams / ask.channels + ((int)channel < ask.streams % ask.channels));
}

static void publish(int index, uint64_t time) {
  static char body[1 << 20], head[16384], *end = body + sizeof body;
  struct publisher *publisher = &publishers[index];
  uint32_t channel = publisher->channel, number = publisher->numbers[channel]++;
  publisher->channel = (channel + 1) % (uint32_t)ask.channels;
  char *p = fill(body, end, ask.publish_body, channel, published);
  if (end - p < ask.size + 64) fail("an update is too long");
  p += sprintf(p, "~%02x%06x%08x%016llx%s!", (unsigned)index, channel, number, (unsigned long long)time, filling);
  char *h = head, *head_end = head + sizeof head;
  h += sprintf(h, "POST ");
  h = fill(h, head_end, ask.publish_path, channel, published);
  h += sprintf(h, " HTTP/1.1\r\nHost: 127.0.0.1:%d\r\nContent-Length: %d\r\n", ask.port, (int)(p - body));
  for (int i = 0; i < ask.publish_header_count; i++) h += snprintf(h, (size_t)(head_end - h), "%s\r\n", ask.publish_headers[i]);
  h += sprintf(h, "\r\n");
  size_t length = (size_t)(h - head), body_length = (size_t)(p - body);
  // The request is one segment, as from a client that sends it whole.
  if (length + body_length <= sizeof head) {
    memcpy(h, body, body_length);
    send_all(publisher->fd, head, length + body_length);
  } else {
    send_all(publisher->fd, head, length);
    send_all(publisher->fd, body, body_length);
  }
  publisher->busy = true;
  published++;
  wanted += readers_of(channel);
}

/** Whether an answer is complete. Its head and its body are short. */
static bool complete(const char *answer, size_t length) {
  const char *blank = memmem(answer, length, "\r\n\r\n", 4);
  if (!blank) return false;
  const char *body = blank + 4, *header = strcasestr(answer, "\r\ncontent-length:");
  size_t body_length = length - (size_t)(body - answer);
  if (header && header < blank) return body_length >= strtoul(header + 17, NULL, 10);
  header = strcasestr(answer, "\r\ntransfer-encoding: chunked");
  if (header && header < blank) return body_length >= 5 && !memcmp(answer + length - 5, "0\r\n\r\n", 5);
  return true;
}

static void read_answer(struct publisher *publisher) {
  size_t taken = publisher->answer_length;
  ssize_t n = read(publisher->fd, publisher->answer + taken, HEAD - 1 - taken);
  if (n < 0 && errno == EAGAIN) return;
  if (n <= 0) fail("a publisher's connection was closed");
  publisher->answer_length += (size_t)n;
  publisher->answer[publisher->answer_length] = 0;
  if (!complete(publisher->answer, publisher->answer_length)) {
    if (publisher->answer_length == HEAD - 1) fail("an answer to a publisher is too long");
    return;
  }
  if (strncmp(publisher->answer, "HTTP/1.1 20", 11) && refused++ == 0) fprintf(stderr, "an update was refused:\n%s\n", publisher->answer);
  publisher->answer_length = 0;
  publisher->busy = false;
  answered++;
}

static void stop_listening(void) {
  for (int i = 0; i < ask.streams; i++)
    if (!streams[i].closed) epoll_ctl(epoll, EPOLL_CTL_DEL, streams[i].fd, NULL);
}

static void start_listening(void) {
  for (int i = 0; i < ask.streams; i++)
    if (!streams[i].closed) watch(streams[i].fd, (uint32_t)i);
}

/** Reads the present bytes of streams and answers. */
static void poll_all(int timeout) {
  struct epoll_event events[EVENTS];
  int count = epoll_wait(epoll, events, EVENTS, timeout);
  for (int i = 0; i < count; i++) {
    uint32_t data = events[i].data.u32;
    if (data & PUBLISHER) read_answer(&publishers[data & ~PUBLISHER]);
    else read_stream(&streams[data]);
  }
}

// ---------------------------------------------------------------------------------------------------------------------
// Phases

static double memory_open, memory_most;

/** Checks the server at intervals. Returns whether it has used the CPU time, or has grown too large. */
static bool enough(double cpu) {
  static uint64_t next;
  uint64_t time = now();
  if (time < next) return false;
  next = time + 20000000ull;
  double memory = server_memory();
  if (memory > memory_most) memory_most = memory;
  return server_cpu() >= cpu || (ask.memory_limit > 0 && memory > memory_open + ask.memory_limit);
}

static bool all_answered(void) { return answered == published; }
static bool all_received(void) { return received >= wanted; }

static void await(bool (*done)(void)) {
  uint64_t until = now() + (uint64_t)(ask.patience * 1e9);
  while (!done() && now() < until) poll_all(20);
}

/**
 * Publishes for a time, or a number of updates, and waits until all have arrived. Without a rate, the seconds are
 * the server's CPU time, so that a busy machine measures as much as an idle one. A limit in clock time ends the wait for
 * a server with little work.
 */
static void publish_for(double seconds, uint64_t updates) {
  if (ask.deaf) stop_listening();
  bool by_clock = ask.rate > 0 || updates > 0;
  double cpu = by_clock ? INFINITY : server_cpu() + seconds;
  uint64_t start = now(), due = 0;
  uint64_t end = start + (uint64_t)((updates > 0 ? ask.patience : by_clock ? seconds : seconds * 4) * 1e9);
  for (;;) {
    uint64_t time = now();
    if (time >= end || (updates > 0 && due >= updates)) break;
    int wait = 10;
    // The publishers take turns, because a server closes a publisher's connection that is silent for seconds.
    static int next;
    int first = next;
    for (int n = 0; n < ask.publishers && (updates == 0 || due < updates); n++) {
      int i = (first + n) % ask.publishers;
      if (publishers[i].busy) continue;
      time = now();
      if (ask.rate > 0) {
        // The latency begins when the update was due, even if its publisher is late.
        uint64_t then = start + (uint64_t)((double)due / ask.rate * 1e9);
        if (then > time) {
          wait = (int)((then - time) / 1000000) + 1;
          if (wait > 10) wait = 10;
          break;
        }
        time = then;
      }
      publish(i, time);
      next = i + 1;
      due++;
    }
    poll_all(wait);
    if (enough(cpu)) break;
  }
  await(all_answered);
  if (ask.deaf) start_listening();
  await(all_received);
}

static bool expected_received(void) { return received >= ask.expect * (uint64_t)ask.streams; }

/** The number of streams whose updates came in another order than those of their channel's first stream. */
static int count_divergent(void) {
  int divergent = 0;
  for (int i = ask.channels; i < ask.streams; i++)
    if (streams[i].order != streams[i % ask.channels].order) divergent++;
  return divergent;
}

static void sleep_for(double seconds) {
  uint64_t until = now() + (uint64_t)(seconds * 1e9);
  while (now() < until) poll_all(20);
}

int main(int argc, char **argv) {
  memset(digits, -1, sizeof digits);
  for (int i = 0; i < 16; i++) digits[(uint8_t)"0123456789abcdef"[i]] = digits[(uint8_t)"0123456789ABCDEF"[i]] = (int8_t)i;
  read_arguments(argc, argv);
  epoll = epoll_create1(EPOLL_CLOEXEC);
  stream_count = ask.streams + ask.stalled;

  double memory_empty = server_memory(), cpu_before = server_cpu();
  uint64_t opening = now();
  open_streams();
  double open_seconds = (double)(now() - opening) / 1e9;
  open_publishers();
  double cpu_opened;
  uint64_t measured_from = now();
  if (ask.expect > 0) {
    wanted = ask.expect * (uint64_t)ask.streams;
    measured_from = opening;
    await(expected_received);
    cpu_opened = cpu_before;
  } else {
    sleep_for(ask.settle);
    cpu_opened = server_cpu();
  }
  memory_open = memory_most = server_memory();

  uint64_t published_before = 0, received_before = 0;
  double cpu_start = cpu_opened, own_start = 0, memory_warm = memory_open;
  if (ask.publishers > 0) {
    if (ask.warm > 0 || ask.warm_updates > 0) publish_for(ask.warm, ask.warm_updates);
    published_before = published;
    received_before = received;
    cpu_start = server_cpu();
    own_start = own_cpu();
    memory_warm = server_memory();
    measured_from = now();
    measuring = true;
    publish_for(ask.seconds, ask.updates);
    measuring = false;
  }
  double cpu_end = server_cpu(), own_end = own_cpu(), memory_end = server_memory();
  uint64_t measured_to = last_received > measured_from ? last_received : now();
  // Updates that arrive from here on are repeated.
  if (ask.publishers > 0 || ask.expect > 0) sleep_for(0.2);

  // The numbers of the streams do not show updates that never arrived.
  uint64_t tail = wanted > received + lost ? wanted - received - lost : 0;
  printf("{\"streams\":%d,\"stalled\":%d,\"openSeconds\":%.4f,\"cpuOpen\":%.6f,", ask.streams, ask.stalled, open_seconds, cpu_opened - cpu_before);
  printf("\"published\":%llu,\"refused\":%llu,\"delivered\":%llu,", (unsigned long long)(published - published_before), (unsigned long long)refused, (unsigned long long)(received - received_before));
  printf("\"lost\":%llu,\"repeated\":%llu,\"disordered\":%llu,", (unsigned long long)(lost + tail), (unsigned long long)repeated, (unsigned long long)disordered);
  printf("\"misdelivered\":%llu,\"broken\":%llu,\"closed\":%d,\"divergent\":%d,", (unsigned long long)misdelivered, (unsigned long long)broken, closed_count, count_divergent());
  printf("\"seconds\":%.6f,\"cpu\":%.6f,\"clientCpu\":%.6f,", (double)(measured_to - measured_from) / 1e9, cpu_end - cpu_start, own_end - own_start);
  printf("\"p50\":%.0f,\"p99\":%.0f,\"slowest\":%llu,", percentile(0.5), percentile(0.99), (unsigned long long)slowest);
  printf("\"memoryEmpty\":%.0f,\"memoryOpen\":%.0f,\"memoryWarm\":%.0f,\"memoryMost\":%.0f,\"memoryEnd\":%.0f}\n", memory_empty, memory_open, memory_warm, memory_most, memory_end);
  return 0;
}
