/* The requests of a load. */
#ifndef BENCH_REQUESTS_H
#define BENCH_REQUESTS_H
#include <stdio.h>
#include <stdlib.h>

struct request { const char *bytes; size_t size; };
static struct request *requests;
static size_t request_count, next_request;

/* The file that bench/macro/corpus.py writes. */
static void load_requests(const char *path) {
    FILE *f = fopen(path, "rb");
    size_t size, room = 0;
    if (!f) { perror(path); exit(1); }
    while (fscanf(f, "%zu", &size) == 1 && fgetc(f) == '\n') {
        char *bytes = malloc(size);
        if (fread(bytes, 1, size, f) != size) break;
        if (request_count == room) requests = realloc(requests, (room = room ? room * 2 : 1024) * sizeof *requests);
        requests[request_count++] = (struct request){bytes, size};
    }
    fclose(f);
    if (!request_count) { fprintf(stderr, "no requests in %s\n", path); exit(1); }
}
#endif
