/* An open-loop load: requests leave at a fixed mean rate, whether or not the last ones were answered.
 *
 *   steady PORT CONNECTIONS RATE SECONDS REQUESTS
 *
 * Arrivals are a Poisson process with a fixed seed, so every gateway sees the same instants.  A request waits for a free
 * connection when all are busy, and its latency counts from the instant it was due, not from when it could be sent.
 * REQUESTS is the file bench/macro/requests.py writes: a length in decimal, a line feed, that many bytes, again and again.
 * Answers need a Content-Length.  Prints one line of JSON; latencies in microseconds.
 * (h2load --rps fires each client's requests of 10 ms in one go, so it measures bursts; see docs/benchmarks.md.)
 */
#include "common.h"
#include "requests.h"
#include <math.h>

enum { READY = 512, HEAD_ROOM = 8192 };

struct connection { int fd; uint64_t due; size_t have, body_left; int in_body; char head[HEAD_ROOM]; };

static struct connection **idle;
static int idle_count;
static uint64_t *waiting; /* due instants without a connection, a ring */
static size_t waiting_first, waiting_last, waiting_room;
static struct durations latency;
static size_t errors;

static void send_request(struct connection *c, uint64_t due) {
    struct request *r = &requests[next_request++ % request_count];
    c->due = due;
    c->have = c->body_left = 0;
    c->in_body = 0;
    if (send(c->fd, r->bytes, r->size, MSG_NOSIGNAL) != (ssize_t)r->size) { errors++; idle[idle_count++] = c; }
}

static void finish(struct connection *c) {
    add_duration(&latency, now_ns() - c->due);
    if (waiting_first != waiting_last) send_request(c, waiting[waiting_first++ % waiting_room]);
    else idle[idle_count++] = c;
}

static void read_answer(struct connection *c) {
    static char sink[1 << 16];
    if (c->in_body) {
        ssize_t n = recv(c->fd, sink, c->body_left < sizeof sink ? c->body_left : sizeof sink, 0);
        if (n <= 0) { fprintf(stderr, "steady: connection lost\n"); exit(1); }
        if ((c->body_left -= (size_t)n) == 0) finish(c);
        return;
    }
    ssize_t n = recv(c->fd, c->head + c->have, HEAD_ROOM - 1 - c->have, 0);
    if (n <= 0) { fprintf(stderr, "steady: connection lost\n"); exit(1); }
    c->have += (size_t)n;
    c->head[c->have] = 0;
    char *end = strstr(c->head, "\r\n\r\n");
    if (!end) return;
    if (c->head[9] != '2') errors++;
    char *length = strcasestr(c->head, "\r\ncontent-length:");
    size_t body = length && length < end ? strtoul(length + 17, NULL, 10) : 0, got = c->have - (size_t)(end + 4 - c->head);
    c->in_body = 1;
    c->body_left = body > got ? body - got : 0;
    if (!c->body_left) finish(c);
}

int main(int argc, char **argv) {
    if (argc != 6) { fprintf(stderr, "usage: steady PORT CONNECTIONS RATE SECONDS REQUESTS\n"); return 2; }
    int port = atoi(argv[1]), connections = atoi(argv[2]), poller = epoll_create1(EPOLL_CLOEXEC);
    double rate = atof(argv[3]), seconds = atof(argv[4]);
    load_requests(argv[5]);
    prctl(PR_SET_TIMERSLACK, 1);
    srand48(20261121);
    waiting = calloc(waiting_room = (size_t)(rate * seconds * 2 + 1024), sizeof *waiting);
    idle = calloc((size_t)connections, sizeof *idle);
    for (; idle_count < connections; idle_count++) {
        idle[idle_count] = calloc(1, sizeof **idle);
        idle[idle_count]->fd = open_connection(poller, port, idle[idle_count]);
    }
    uint64_t begin = now_ns(), end = begin + (uint64_t)(seconds * 1e9), due = begin, sent = 0, drained = end + 1000000000u;
    struct epoll_event ready[READY];
    while (due < end || (idle_count < connections && now_ns() < drained)) {
        while (due < end && due <= now_ns()) {
            if (idle_count) send_request(idle[--idle_count], due);
            else waiting[waiting_last++ % waiting_room] = due;
            sent++;
            due += (uint64_t)(-log(1 - drand48()) / rate * 1e9);
        }
        int64_t pause = (int64_t)((due < end ? due : drained) - now_ns());
        int n = wait_ready(poller, ready, READY, pause);
        for (int i = 0; i < n; i++) read_answer(ready[i].data.ptr);
    }
    printf("{\"sent\": %llu, \"errors\": %zu, \"unanswered\": %zu, \"seconds\": %.3f, ", (unsigned long long)sent, errors,
           (size_t)sent - latency.count, (double)(now_ns() - begin) / 1e9);
    print_durations(&latency);
    printf("}\n");
    return 0;
}
