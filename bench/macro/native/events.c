/* Reads many event streams at once and says how late each event came.
 *
 *   events PORT STREAMS EVENTS INTERVAL_US SECONDS PATH
 *
 * Each of STREAMS connections asks for EVENTS events, one each INTERVAL_US, and asks again when the stream ended, until
 * SECONDS are over; the first requests are spread over one interval, so that the streams do not tick together.
 * Every event carries the nanosecond the service wrote it in; the delay is now minus that.  Prints one line of JSON.
 */
#include "common.h"

enum { READY = 512, LINE_ROOM = 1024 };
enum state { HEAD, SIZE_LINE, DATA, DATA_END, TRAILER };

struct stream { int fd; enum state state; int status_seen; uint64_t chunk_left; size_t line_size; char line[LINE_ROOM]; };

static struct durations delay;
static size_t finished, errors, reads;
static char request[1024];
static int request_size;

static void ask(struct stream *s) {
    s->state = HEAD;
    s->line_size = 0;
    s->status_seen = 0;
    if (send(s->fd, request, (size_t)request_size, MSG_NOSIGNAL) != request_size) errors++;
}

static void event_line(struct stream *s, uint64_t now) {
    s->line[s->line_size < LINE_ROOM ? s->line_size : LINE_ROOM - 1] = 0;
    s->line_size = 0;
    if (strncmp(s->line, "data: {\"t\":", 11)) return;
    uint64_t written = strtoull(s->line + 11, NULL, 10);
    add_duration(&delay, now > written ? now - written : 0);
}

/* One line of the head, a chunk size, or a trailer is complete in s->line. */
static void control_line(struct stream *s) {
    s->line[s->line_size] = 0;
    int empty = s->line_size == 0;
    s->line_size = 0;
    if (s->state == HEAD) {
        if (!s->status_seen) { s->status_seen = 1; if (s->line[9] != '2') errors++; }
        else if (empty) s->state = SIZE_LINE;
    } else if (s->state == SIZE_LINE) {
        s->chunk_left = strtoull(s->line, NULL, 16);
        s->state = s->chunk_left ? DATA : TRAILER;
    } else if (s->state == DATA_END) {
        s->state = SIZE_LINE;
    } else if (empty) { /* the end of the trailer section */
        finished++;
        ask(s);
    }
}

static void feed(struct stream *s, const char *p, size_t n, uint64_t now) {
    for (size_t i = 0; i < n; i++) {
        if (s->state == DATA) {
            if (p[i] == '\n') event_line(s, now);
            else if (s->line_size < LINE_ROOM - 1) s->line[s->line_size++] = p[i];
            if (--s->chunk_left == 0) s->state = DATA_END;
        } else if (p[i] == '\n') {
            control_line(s);
        } else if (p[i] != '\r' && s->line_size < LINE_ROOM - 1) {
            s->line[s->line_size++] = p[i];
        }
    }
}

int main(int argc, char **argv) {
    if (argc != 7) { fprintf(stderr, "usage: events PORT STREAMS EVENTS INTERVAL_US SECONDS PATH\n"); return 2; }
    int port = atoi(argv[1]), streams = atoi(argv[2]), opened = 0, poller = epoll_create1(EPOLL_CLOEXEC);
    uint64_t interval = strtoull(argv[4], NULL, 10) * 1000;
    request_size = snprintf(request, sizeof request,
        "GET %s?events=%s&interval=%s HTTP/1.1\r\nHost: edge.example\r\nUser-Agent: OpenAI/Python 3.54.0\r\n"
        "Accept: text/event-stream\r\nX-Session-Id: 4f1c\r\n\r\n", argv[6], argv[3], argv[4]);
    prctl(PR_SET_TIMERSLACK, 1);
    struct stream *all = calloc((size_t)streams, sizeof *all);
    struct epoll_event ready[READY];
    static char buffer[1 << 16];
    uint64_t begin = now_ns(), end = begin + (uint64_t)(atof(argv[5]) * 1e9);
    for (uint64_t now = begin; now < end; now = now_ns()) {
        uint64_t next = end;
        if (opened < streams) {
            next = begin + interval * (uint64_t)opened / (uint64_t)streams;
            if (next <= now) {
                all[opened].fd = open_connection(poller, port, &all[opened]);
                ask(&all[opened++]);
                continue;
            }
        }
        int n = wait_ready(poller, ready, READY, (int64_t)(next - now));
        for (int i = 0; i < n; i++) {
            struct stream *s = ready[i].data.ptr;
            ssize_t got = recv(s->fd, buffer, sizeof buffer, 0);
            if (got <= 0) { fprintf(stderr, "events: stream lost\n"); exit(1); }
            reads++;
            feed(s, buffer, (size_t)got, now_ns());
        }
    }
    printf("{\"finished\": %zu, \"errors\": %zu, \"reads\": %zu, \"seconds\": %.3f, ", finished, errors, reads, (double)(now_ns() - begin) / 1e9);
    print_durations(&delay);
    printf("}\n");
    return 0;
}
