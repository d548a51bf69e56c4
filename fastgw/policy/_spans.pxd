"""``spans`` in C; a test holds both side by side."""

from libc.stdint cimport uint64_t

cdef extern from *:
    """
    #include <stdint.h>
    #define SPANS_MOST ((uint64_t)1 << 62)
    static inline uint64_t spans_cut(unsigned __int128 whole) { return whole > SPANS_MOST ? SPANS_MOST : (uint64_t)whole; }
    static inline uint64_t spans_up(uint64_t amount, uint64_t period, uint64_t count) {
        return spans_cut(((unsigned __int128)amount * period + count - 1) / count);
    }
    static inline uint64_t spans_down(uint64_t amount, uint64_t period, uint64_t count) {
        return spans_cut((unsigned __int128)amount * period / count);
    }
    """
    uint64_t up "spans_up"(uint64_t amount, uint64_t period, uint64_t count) nogil
    uint64_t down "spans_down"(uint64_t amount, uint64_t period, uint64_t count) nogil
