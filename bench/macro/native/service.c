/* The service behind every gateway of the benchmark: one thread, one epoll, as little work per request as C allows.
 *
 *   service PORT [ENDPOINTS] [close|keep] [ANSWERS]
 *
 * Listens on 127.0.0.1:PORT and, for cases with many endpoints, on the same port of 127.1.a.b for each of ENDPOINTS.
 * The query of the target chooses the answer, so that every gateway can leave it alone:
 *   (none)                  200 with 62 bytes of JSON; a path ending in /chat/completions: a whole chat completion
 *   size=N                  200 with N bytes
 *   echo=1                  200 with the request head as the body: what the gateway added can be read there
 *   events=N&interval=US    200 with N Server-Sent Events, one each US microseconds, each naming the nanosecond
 *                           (CLOCK_MONOTONIC) it was written in
 * A chat whose body has "stream": true is answered with CHAT_EVENTS such events, one each CHAT_INTERVAL.
 * A file ANSWERS has answers and streams of its own, found by a part of the target, in front of all of these (`load_answers`).
 * With "close" every answer carries Connection: close: upstream keep-alive is off for any gateway, whatever it supports.
 * Not a web server: requests are trusted to be well formed, pipelining works only for requests without a body.
 */
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/epoll.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

enum { HEAD_MAX = 32768, BODY_MAX = 8 << 20, EVENTS = 1024 };
enum { CHAT_EVENTS = 50, CHAT_INTERVAL = 40000000 /* nanoseconds */, CHAT_READ = 1 << 16 /* body bytes that are looked at */ };

enum chunk_state { SIZE_LINE, CHUNK_DATA, CHUNK_END, TRAILER };

struct frame { char *bytes; size_t size; uint64_t wait; /* nanoseconds before it */ };

struct given { char marker[64]; char *answer; size_t size; struct frame *frames; int count; }; /* of the file ANSWERS */

struct connection {
    int fd;
    int listening;
    size_t have;            /* bytes of an unfinished head in `head` */
    char *head;             /* allocated when a head arrives in pieces */
    int in_body, chunked, close_after, is_chat, is_stream;
    struct given *given;    /* what the file ANSWERS has for the target, or NULL */
    uint64_t body_left;     /* of a sized body */
    enum chunk_state chunk; /* of a chunked body */
    uint64_t chunk_left;
    int line_bytes;         /* bytes seen on the current size or trailer line */
    char target[256];
    char *echo;             /* copy of the head, if it is to be echoed */
    size_t echo_size;
    const char *out;        /* answer not yet written: static memory, or `owned` */
    char *owned;
    size_t out_left;
    int watching_write;
    /* events */
    int events_left;
    uint64_t interval, due; /* nanoseconds */
    struct connection *next_due;
    int queued, dead;
};

static const char json[] = "{\"label\":\"cat\",\"score\":0.987654,\"model\":\"object-detection-v2\"}"; /* 62 bytes */
static const char chat_json[] =
    "{\"id\":\"chatcmpl-123\",\"object\":\"chat.completion\",\"created\":1795262400,\"model\":\"m00002\",\"choices\":[{\"index\":0,"
    "\"message\":{\"role\":\"assistant\",\"content\":\"The shelf is empty.\"},\"finish_reason\":\"stop\"}],"
    "\"usage\":{\"prompt_tokens\":180,\"completion_tokens\":5,\"total_tokens\":185}}";
static const char models_json[] = "{\"object\":\"list\",\"data\":[{\"id\":\"m00002\",\"object\":\"model\",\"created\":0,\"owned_by\":\"bench\"}]}";
static char small_answer[512], chat_answer[1024], models_answer[512];
static size_t small_size, chat_size, models_size;
static char *big_body;
static struct given *givens;
static size_t given_count;
static int always_close;
static int poller;
static struct connection *due_first, *due_last; /* streams by due time; a stream is put back at its next event */

static uint64_t now_ns(void) {
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (uint64_t)t.tv_sec * 1000000000u + (uint64_t)t.tv_nsec;
}

static void close_connection(struct connection *c) {
    close(c->fd);
    free(c->head);
    free(c->owned);
    free(c->echo);
    c->head = c->owned = c->echo = NULL;
    if (c->queued) c->dead = 1; /* still linked: freed when its turn comes */
    else free(c);
}

static void watch(struct connection *c, int write_too) {
    if (c->watching_write == write_too) return;
    struct epoll_event e = {.events = EPOLLIN | (write_too ? EPOLLOUT : 0), .data.ptr = c};
    epoll_ctl(poller, EPOLL_CTL_MOD, c->fd, &e);
    c->watching_write = write_too;
}

/* Write what is left of the answer; -1 when the connection is gone. */
static int flush(struct connection *c) {
    while (c->out_left) {
        ssize_t n = send(c->fd, c->out, c->out_left, MSG_NOSIGNAL);
        if (n < 0) {
            if (errno == EAGAIN) { watch(c, 1); return 0; }
            close_connection(c);
            return -1;
        }
        c->out += n;
        c->out_left -= (size_t)n;
    }
    free(c->owned);
    c->owned = NULL;
    watch(c, 0);
    if (c->close_after && !c->events_left) { close_connection(c); return -1; }
    return 0;
}

static int send_owned(struct connection *c, char *data, size_t size) {
    c->owned = data;
    c->out = data;
    c->out_left = size;
    return flush(c);
}

static uint64_t query_number(const char *target, const char *key) {
    const char *q = strchr(target, '?');
    q = q ? strstr(q, key) : NULL;
    return q ? strtoull(q + strlen(key), NULL, 10) : 0;
}

static void queue_due(struct connection *c, uint64_t due) {
    struct connection **at = &due_first;
    c->due = due;
    c->queued = 1;
    if (due_last && due_last->due <= due) at = &due_last->next_due; /* the common case: all intervals alike */
    else while (*at && (*at)->due <= due) at = &(*at)->next_due;
    c->next_due = *at;
    *at = c;
    if (!c->next_due) due_last = c;
}

static int begin_events(struct connection *c, uint64_t count, uint64_t interval) {
    static const char head[] = "HTTP/1.1 200 OK\r\nServer: service\r\nContent-Type: text/event-stream\r\n"
                               "Cache-Control: no-cache\r\nTransfer-Encoding: chunked\r\n\r\n";
    c->events_left = (int)count;
    c->interval = interval;
    if (send(c->fd, head, sizeof head - 1, MSG_NOSIGNAL) < 0) { close_connection(c); return -1; }
    queue_due(c, now_ns() + c->interval);
    return 0;
}

static int answer(struct connection *c) {
    uint64_t size, events;
    if (c->given) {
        if (c->is_stream) return begin_events(c, (uint64_t)c->given->count, c->given->frames[0].wait);
        c->out = c->given->answer;
        c->out_left = c->given->size;
        return flush(c);
    }
    if (c->is_chat && c->is_stream) return begin_events(c, CHAT_EVENTS, CHAT_INTERVAL);
    if (!strchr(c->target, '?')) goto small;
    if (c->echo) {
        char *out = malloc(c->echo_size + 256);
        int n = sprintf(out, "HTTP/1.1 200 OK\r\nServer: service\r\nContent-Type: text/plain\r\nContent-Length: %zu\r\n\r\n",
                        c->echo_size);
        memcpy(out + n, c->echo, c->echo_size);
        size = (uint64_t)n + c->echo_size;
        free(c->echo);
        c->echo = NULL;
        return send_owned(c, out, size);
    }
    if ((events = query_number(c->target, "events="))) return begin_events(c, events, query_number(c->target, "interval=") * 1000);
    if ((size = query_number(c->target, "size="))) {
        char head[256];
        if (size > BODY_MAX) size = BODY_MAX;
        int n = sprintf(head, "HTTP/1.1 200 OK\r\nServer: service\r\nContent-Type: application/octet-stream\r\n"
                              "%sContent-Length: %llu\r\n\r\n", always_close ? "Connection: close\r\n" : "",
                        (unsigned long long)size);
        if (send(c->fd, head, (size_t)n, MSG_NOSIGNAL | MSG_MORE) < 0) { close_connection(c); return -1; }
        c->out = big_body;
        c->out_left = size;
        return flush(c);
    }
small:
    if (!strcmp(c->target, "/v1/models")) { /* routers ask for them before they serve */
        c->out = models_answer;
        c->out_left = models_size;
        return flush(c);
    }
    c->out = c->is_chat ? chat_answer : small_answer;
    c->out_left = c->is_chat ? chat_size : small_size;
    return flush(c);
}

/* Walk over a chunked body; returns bytes used, and clears in_body at its end. */
static size_t eat_chunks(struct connection *c, const char *p, size_t n) {
    size_t i = 0;
    while (i < n && c->in_body) {
        if (c->chunk == CHUNK_DATA) {
            uint64_t take = c->chunk_left < n - i ? c->chunk_left : n - i;
            i += take;
            if ((c->chunk_left -= take) == 0) c->chunk = CHUNK_END;
            continue;
        }
        char b = p[i++];
        if (b == '\r') continue;
        if (c->chunk == SIZE_LINE && b != '\n') {
            int digit = b <= '9' ? b - '0' : (b | 32) - 'a' + 10;
            c->chunk_left = c->chunk_left * 16 + (uint64_t)digit; /* no extensions: none of the gateways sends any */
        } else if (c->chunk == SIZE_LINE) {
            c->chunk = c->chunk_left ? CHUNK_DATA : TRAILER;
            c->line_bytes = 0;
        } else if (c->chunk == CHUNK_END) {
            c->chunk = SIZE_LINE;
            c->chunk_left = 0;
        } else if (b != '\n') {
            c->line_bytes++;
        } else if (c->line_bytes) {
            c->line_bytes = 0;
        } else {
            c->in_body = 0;
        }
    }
    return i;
}

/* Read the head [p, end), which ends in an empty line. */
static void read_head(struct connection *c, const char *p, const char *end) {
    const char *target = memchr(p, ' ', (size_t)(end - p)) + 1;
    const char *stop = memchr(target, ' ', (size_t)(end - target));
    size_t n = (size_t)(stop - target) < sizeof c->target - 1 ? (size_t)(stop - target) : sizeof c->target - 1;
    memcpy(c->target, target, n);
    c->target[n] = 0;
    c->given = NULL;
    for (size_t i = 0; i < given_count && !c->given; i++) if (strstr(c->target, givens[i].marker)) c->given = &givens[i];
    c->is_chat = c->given ? c->given->count > 0 : strstr(c->target, "/chat/completions") != NULL;
    c->close_after = always_close || stop[8] == '0'; /* " HTTP/1.0" */
    c->body_left = 0;
    c->chunked = c->is_stream = 0;
    for (const char *line = stop; (line = memchr(line, '\n', (size_t)(end - line))) && ++line < end - 2;) {
        char b = *line | 32;
        if (b == 'c' && !strncasecmp(line, "content-length:", 15)) c->body_left = strtoull(line + 15, NULL, 10);
        else if (b == 't' && !strncasecmp(line, "transfer-encoding: chunked", 26)) c->chunked = 1;
        else if (b == 'c' && !strncasecmp(line, "connection: close", 17)) c->close_after = 1;
    }
    c->in_body = c->body_left || c->chunked;
    c->chunk = SIZE_LINE;
    c->chunk_left = 0;
    if (strstr(c->target, "echo=1")) {
        c->echo_size = (size_t)(end - p);
        c->echo = malloc(c->echo_size);
        memcpy(c->echo, p, c->echo_size);
    }
}

static void feed(struct connection *c, const char *p, size_t n) {
    while (n) {
        if (c->in_body) {
            size_t used = c->chunked ? eat_chunks(c, p, n) : (c->body_left < n ? c->body_left : n);
            if (!c->chunked && (c->body_left -= used) == 0) c->in_body = 0;
            if (c->is_chat && used <= CHAT_READ && (memmem(p, used, "\"stream\": true", 14) || memmem(p, used, "\"stream\":true", 13))) c->is_stream = 1;
            p += used;
            n -= used;
            if (!c->in_body && answer(c) < 0) return;
            continue;
        }
        const char *end = memmem(p, n, "\r\n\r\n", 4);
        if (!end) break;
        read_head(c, p, end + 4);
        n -= (size_t)(end + 4 - p);
        p = end + 4;
        if (!c->in_body && answer(c) < 0) return;
    }
    c->have = n;
    if (!n) return;
    if (!c->head) c->head = malloc(HEAD_MAX);
    if (n > HEAD_MAX) { close_connection(c); return; }
    memmove(c->head, p, n);
}

static void readable(struct connection *c) {
    static char buffer[1 << 18];
    if (c->in_body && !c->chunked && c->body_left > (c->is_chat ? CHAT_READ : 1)) { /* drop all but the last byte without copying it */
        ssize_t n = recv(c->fd, NULL, c->body_left - 1, MSG_TRUNC);
        if (n > 0) { c->body_left -= (uint64_t)n; return; }
        if (n < 0 && errno == EAGAIN) return;
        close_connection(c);
        return;
    }
    size_t had = c->have;
    if (had) memcpy(buffer, c->head, had);
    ssize_t n = recv(c->fd, buffer + had, sizeof buffer - had, 0);
    if (n < 0 && errno == EAGAIN) return;
    if (n <= 0) { close_connection(c); return; }
    c->have = 0;
    feed(c, buffer, had + (size_t)n);
}

static void accept_all(int listener) {
    int fd, one = 1;
    while ((fd = accept4(listener, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC)) >= 0) {
        struct connection *c = calloc(1, sizeof *c);
        setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one);
        c->fd = fd;
        struct epoll_event e = {.events = EPOLLIN, .data.ptr = c};
        epoll_ctl(poller, EPOLL_CTL_ADD, fd, &e);
    }
}

/* The next of the frames given for the target; like `send_event`, but each has its own wait. */
static void send_frame(struct connection *c) {
    char out[1200];
    struct frame *frame = &c->given->frames[c->given->count - c->events_left--];
    int n = sprintf(out, "%zx\r\n%.*s\r\n%s", frame->size, (int)frame->size, frame->bytes, c->events_left ? "" : "0\r\n\r\n");
    if (send(c->fd, out, (size_t)n, MSG_NOSIGNAL) != n) { close_connection(c); return; }
    if (c->events_left) queue_due(c, c->due + frame[1].wait);
    else if (c->close_after) close_connection(c);
}

static void send_event(struct connection *c) {
    char event[256], out[300];
    int n = sprintf(event, "data: {\"t\":%llu,\"id\":\"chatcmpl-%06d\",\"object\":\"chat.completion.chunk\",\"choices\":[{\"index\":0,"
                           "\"delta\":{\"content\":\" word\"}}]}\n\n", (unsigned long long)now_ns(), c->events_left);
    c->events_left--;
    n = sprintf(out, "%x\r\n%s\r\n%s", n, event, c->events_left ? "" : "0\r\n\r\n");
    if (send(c->fd, out, (size_t)n, MSG_NOSIGNAL) != n) { close_connection(c); return; } /* the reader is too slow to be measured */
    if (c->events_left) queue_due(c, c->due + c->interval);
    else if (c->close_after) close_connection(c);
}

/* Send every event that is due; nanoseconds until the next one, or -1. */
static int64_t run_due(void) {
    while (due_first) {
        struct connection *c = due_first;
        uint64_t now = now_ns();
        if (!c->dead && c->due > now) return (int64_t)(c->due - now);
        if (!(due_first = c->next_due)) due_last = NULL;
        c->queued = 0;
        if (c->dead) free(c);
        else if (c->given) send_frame(c);
        else send_event(c);
    }
    return -1;
}

static void listen_on(uint32_t address, int port) {
    int one = 1, fd = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    struct sockaddr_in a = {.sin_family = AF_INET, .sin_port = htons((uint16_t)port), .sin_addr.s_addr = htonl(address)};
    setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &one, sizeof one);
    if (bind(fd, (struct sockaddr *)&a, sizeof a) || listen(fd, 4096)) { perror("service: listen"); exit(1); }
    struct connection *c = calloc(1, sizeof *c);
    c->fd = fd;
    c->listening = 1;
    struct epoll_event e = {.events = EPOLLIN, .data.ptr = c};
    epoll_ctl(poller, EPOLL_CTL_ADD, fd, &e);
}

/* Records of "MARKER answer 0 SIZE" and "MARKER frame MICROSECONDS SIZE", each a line with SIZE bytes behind it and a line feed: the body
 * of an answer, and what a stream that the request asks for ("stream": true) has next.  The first marker that is in a target counts. */
static void load_answers(const char *path) {
    FILE *file = fopen(path, "rb");
    char marker[64], kind[16];
    unsigned long long wait;
    size_t size;
    if (!file) { perror(path); exit(1); }
    while (fscanf(file, "%63s %15s %llu %zu", marker, kind, &wait, &size) == 4 && fgetc(file) == '\n') {
        char *bytes = malloc(size + 1);
        struct given *given = given_count ? &givens[given_count - 1] : NULL;
        if (fread(bytes, 1, size, file) != size || size > 1024) { fprintf(stderr, "service: %s: a record of %zu bytes\n", path, size); exit(1); }
        bytes[size] = 0;
        if (!strcmp(kind, "answer")) {
            givens = realloc(givens, (given_count + 1) * sizeof *givens);
            given = &givens[given_count++];
            *given = (struct given){.answer = malloc(size + 128)};
            strcpy(given->marker, marker);
            given->size = (size_t)sprintf(given->answer, "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: %zu\r\n\r\n%s", size, bytes);
            free(bytes);
        } else if (given && !strcmp(given->marker, marker)) {
            given->frames = realloc(given->frames, (size_t)(given->count + 1) * sizeof *given->frames);
            given->frames[given->count++] = (struct frame){bytes, size, wait * 1000};
        }
    }
    fclose(file);
}

static size_t build_answer(char *out, const char *body, size_t size) {
    return (size_t)sprintf(out,
        "HTTP/1.1 200 OK\r\nServer: service\r\nDate: Sat, 21 Nov 2026 12:00:00 GMT\r\nContent-Type: application/json\r\n"
        "Cache-Control: no-store\r\nX-Model-Version: 2.4.1\r\n%sContent-Length: %zu\r\n\r\n%s",
        always_close ? "Connection: close\r\n" : "", size, body);
}

int main(int argc, char **argv) {
    if (argc < 2) { fprintf(stderr, "usage: service PORT [ENDPOINTS] [close|keep] [ANSWERS]\n"); return 2; }
    int port = atoi(argv[1]), endpoints = argc > 2 ? atoi(argv[2]) : 0;
    always_close = argc > 3 && !strcmp(argv[3], "close");
    if (argc > 4) load_answers(argv[4]);
    struct rlimit files;
    getrlimit(RLIMIT_NOFILE, &files);
    files.rlim_cur = files.rlim_max;
    setrlimit(RLIMIT_NOFILE, &files);
    signal(SIGPIPE, SIG_IGN);
    prctl(PR_SET_TIMERSLACK, 1);
    big_body = malloc(BODY_MAX);
    for (int i = 0; i < BODY_MAX; i++) big_body[i] = (char)('a' + i % 26);
    small_size = build_answer(small_answer, json, sizeof json - 1);
    models_size = build_answer(models_answer, models_json, sizeof models_json - 1);
    chat_size = build_answer(chat_answer, chat_json, sizeof chat_json - 1);
    poller = epoll_create1(EPOLL_CLOEXEC);
    listen_on(0x7f000001, port);
    for (int i = 0; i < endpoints; i++) listen_on(0x7f010001u + (uint32_t)(i / 250 << 8) + (uint32_t)(i % 250), port);
    struct epoll_event ready[EVENTS];
    for (;;) {
        int64_t wait = run_due();
        struct timespec timeout = {wait / 1000000000, wait % 1000000000};
        int n = epoll_pwait2(poller, ready, EVENTS, wait < 0 ? NULL : &timeout, NULL);
        for (int i = 0; i < n; i++) {
            struct connection *c = ready[i].data.ptr;
            if (c->listening) accept_all(c->fd);
            else if (ready[i].events & EPOLLOUT) { if (flush(c) == 0 && ready[i].events & EPOLLIN) readable(c); }
            else readable(c);
        }
    }
}
