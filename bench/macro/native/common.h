/* What the load generators share: a clock, connections, percentiles. */
#ifndef BENCH_COMMON_H
#define BENCH_COMMON_H
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/epoll.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

static uint64_t now_ns(void) {
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (uint64_t)t.tv_sec * 1000000000u + (uint64_t)t.tv_nsec;
}

/* A blocking connect (loopback: microseconds), then a non-blocking socket known to `poller` under `data`. */
static int open_connection(int poller, int port, void *data) {
    int one = 1, fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    struct sockaddr_in a = {.sin_family = AF_INET, .sin_port = htons((uint16_t)port), .sin_addr.s_addr = htonl(0x7f000001)};
    if (connect(fd, (struct sockaddr *)&a, sizeof a)) { perror("connect"); exit(1); }
    setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one);
    struct epoll_event e = {.events = EPOLLIN, .data.ptr = data};
    epoll_ctl(poller, EPOLL_CTL_ADD, fd, &e);
    return fd;
}

static int compare_u32(const void *a, const void *b) {
    uint32_t x = *(const uint32_t *)a, y = *(const uint32_t *)b;
    return x < y ? -1 : x > y;
}

/* Durations in nanoseconds, kept one by one: exact percentiles. */
struct durations { uint32_t *values; size_t count, room; };

static void add_duration(struct durations *d, uint64_t ns) {
    if (d->count == d->room) {
        d->room = d->room ? d->room * 2 : 65536;
        d->values = realloc(d->values, d->room * sizeof *d->values);
    }
    d->values[d->count++] = ns > UINT32_MAX ? UINT32_MAX : (uint32_t)ns;
}

static double quantile_us(const struct durations *d, double q) {
    return d->count ? d->values[(size_t)(q * (double)(d->count - 1) + 0.5)] / 1000.0 : 0;
}

/* `"p50_us": ...` and so on, without braces; sorts the values. */
static void print_durations(struct durations *d) {
    size_t late = 0;
    qsort(d->values, d->count, sizeof *d->values, compare_u32);
    for (size_t i = d->count; i && d->values[i - 1] > 1000000; i--) late++;
    printf("\"count\": %zu, \"p50_us\": %.1f, \"p90_us\": %.1f, \"p99_us\": %.1f, \"p999_us\": %.1f, \"max_us\": %.1f, \"over_1ms\": %zu",
           d->count, quantile_us(d, .5), quantile_us(d, .9), quantile_us(d, .99), quantile_us(d, .999), quantile_us(d, 1), late);
}

static int wait_ready(int poller, struct epoll_event *ready, int room, int64_t ns) {
    struct timespec t = {ns / 1000000000, ns % 1000000000};
    if (ns < 0) t.tv_sec = t.tv_nsec = 0;
    return epoll_pwait2(poller, ready, room, &t, NULL);
}
#endif
