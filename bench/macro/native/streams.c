/* Asks for event streams at a fixed mean rate, and says how long the first event of each took.
 *
 *   streams PORT CONNECTIONS RATE SECONDS REQUESTS
 *
 * Arrivals are a Poisson process with a fixed seed, so every gateway sees the same instants; a request waits for a free connection when all
 * are busy, and its time counts from the instant it was due.  A stream is over with the last chunk of its answer.  REQUESTS as of steady.c.
 * Prints one line of JSON; times to the first event in microseconds.
 */
#include "common.h"
#include "requests.h"
#include <math.h>

enum { READY = 512, TAIL = 6 };

struct connection { int fd, has_head, has_event; uint64_t due; size_t kept; char last[TAIL]; };

static struct connection **idle;
static int idle_count;
static uint64_t *waiting; /* due instants without a connection, a ring */
static size_t waiting_first, waiting_last, waiting_room;
static struct durations first_event;
static size_t errors, events, finished;

static void send_request(struct connection *c, uint64_t due) {
    struct request *r = &requests[next_request++ % request_count];
    c->due = due;
    c->has_head = c->has_event = 0;
    c->kept = 0;
    if (send(c->fd, r->bytes, r->size, MSG_NOSIGNAL) != (ssize_t)r->size) { errors++; idle[idle_count++] = c; }
}

static void read_answer(struct connection *c) {
    static char data[TAIL + (1 << 16)];
    memcpy(data, c->last, c->kept); /* what may be the beginning of what is looked for */
    ssize_t got = recv(c->fd, data + c->kept, sizeof data - c->kept, 0);
    if (got <= 0) { fprintf(stderr, "streams: connection lost\n"); exit(1); }
    size_t n = c->kept + (size_t)got;
    if (!c->has_head) { c->has_head = 1; if (n < 12 || data[9] != '2') errors++; }
    for (char *p = data; (p = memmem(p, n - (size_t)(p - data), "data: {", 7)); p += 7) {
        events++;
        if (!c->has_event) { c->has_event = 1; add_duration(&first_event, now_ns() - c->due); }
    }
    c->kept = n < TAIL ? n : TAIL;
    memcpy(c->last, data + n - c->kept, c->kept);
    /* Not the end of a head, whose last field may end with a 0. */
    if (n < TAIL || memcmp(data + n - TAIL, "\n0\r\n\r\n", TAIL)) return;
    finished++;
    if (!c->has_event) errors++;
    if (waiting_first != waiting_last) send_request(c, waiting[waiting_first++ % waiting_room]);
    else idle[idle_count++] = c;
}

int main(int argc, char **argv) {
    if (argc != 6) { fprintf(stderr, "usage: streams PORT CONNECTIONS RATE SECONDS REQUESTS\n"); return 2; }
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
    uint64_t begin = now_ns(), end = begin + (uint64_t)(seconds * 1e9), due = begin, sent = 0, drained = end + 10000000000u;
    struct epoll_event ready[READY];
    while (due < end || (finished < sent && now_ns() < drained)) {
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
    printf("{\"sent\": %llu, \"errors\": %zu, \"unanswered\": %zu, \"events\": %zu, \"seconds\": %.3f, ", (unsigned long long)sent, errors,
           (size_t)sent - finished, events, (double)(now_ns() - begin) / 1e9);
    print_durations(&first_event);
    printf("}\n");
    return 0;
}
