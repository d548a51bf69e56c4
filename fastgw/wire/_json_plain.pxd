"""What stands in a string of JSON for itself, in C: nearly all bytes of a request.

ASCII is looked at 16 bytes at a time, or 32, and then 8: no string of a request is so short that its bytes are worth a branch each.
"""

cdef inline Py_ssize_t _character(const unsigned char* text, Py_ssize_t left) noexcept nogil:
    """Bytes of the character of more than one that begins here (RFC 3629 section 4); 0: it is not whole, or wrong."""
    cdef unsigned char first = text[0]
    if left < 2 or text[1] & 0xC0 != 0x80:
        return 0
    if 0xC2 <= first <= 0xDF:
        return 2
    if left < 3 or text[2] & 0xC0 != 0x80:
        return 0
    if first & 0xF0 == 0xE0:
        if (first == 0xE0 and text[1] < 0xA0) or (first == 0xED and text[1] > 0x9F):
            return 0
        return 3
    if left < 4 or text[3] & 0xC0 != 0x80 or not 0xF0 <= first <= 0xF4:
        return 0
    if (first == 0xF0 and text[1] < 0x90) or (first == 0xF4 and text[1] > 0x8F):
        return 0
    return 4


cdef extern from *:
    """
    #include <stdint.h>
    #include <string.h>
    #if defined(__SSE2__)
    #include <emmintrin.h>
    #endif
    #define ONES UINT64_C(0x0101010101010101)
    #define HIGHS UINT64_C(0x8080808080808080)

    /* The same of what is left of a piece: 8 bytes at a time, of which the first that is a quote, a backslash, below 0x20 or above 0x7F has
       the lowest bit (exact for the lowest, which alone is looked at).  Not inlined: its constants would be loaded for every string. */
    static __attribute__((noinline)) Py_ssize_t fastgw_ascii_tail(const unsigned char *text, Py_ssize_t at, Py_ssize_t size) {
    #if defined(__BYTE_ORDER__) && __BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__
        while (at + 8 <= size) {
            uint64_t word, quote, slash, marks;
            memcpy(&word, text + at, 8);
            quote = word ^ (ONES * 0x22);
            slash = word ^ (ONES * 0x5C);
            marks = (((quote - ONES) & ~quote) | ((slash - ONES) & ~slash) | ((word - ONES * 0x20) & ~word) | word) & HIGHS;
            if (marks) return at + (__builtin_ctzll(marks) >> 3);
            at += 8;
        }
    #endif
        return at;
    }

    /* Where ASCII that stands in a string for itself ends, or a few bytes before.  By SSE2, which every x86-64 has, 16 bytes at a time:
       compared as signed numbers what is above 0x7F is below 0x20 too.  Else 32 without a branch, of which the compiler makes vectors. */
    static inline Py_ssize_t fastgw_ascii_end(const unsigned char *text, Py_ssize_t at, Py_ssize_t size) {
    #if defined(__SSE2__)
        const __m128i quote = _mm_set1_epi8(0x22), slash = _mm_set1_epi8(0x5C), space = _mm_set1_epi8(0x20);
        while (at + 16 <= size) {
            __m128i part = _mm_loadu_si128((const __m128i *)(text + at));
            __m128i known = _mm_or_si128(_mm_cmpeq_epi8(part, quote), _mm_cmpeq_epi8(part, slash));
            int found = _mm_movemask_epi8(_mm_or_si128(known, _mm_cmplt_epi8(part, space)));
            if (found) return at + __builtin_ctz((unsigned)found);
            at += 16;
        }
    #else
        while (at + 32 <= size) {
            unsigned char found = 0;
            for (int place = 0; place < 32; place++) {
                unsigned char byte = text[at + place];
                found |= ((unsigned char)(byte - 0x20) >= 0x60) | (byte == 0x22) | (byte == 0x5C);
            }
            if (found) break;
            at += 32;
        }
    #endif
        return fastgw_ascii_tail(text, at, size);
    }
    """
    Py_ssize_t fastgw_ascii_end(const unsigned char* text, Py_ssize_t at, Py_ssize_t size) nogil


cdef inline Py_ssize_t plain_end(const unsigned char* text, Py_ssize_t at, Py_ssize_t size) noexcept nogil:
    """Where what stands in a string for itself ends."""
    cdef Py_ssize_t whole
    while at < size:
        at = fastgw_ascii_end(text, at, size)
        while at < size and 0x20 <= text[at] < 0x80 and text[at] != 0x22 and text[at] != 0x5C:
            at += 1
        if at == size or text[at] < 0x80:
            return at
        while at < size and text[at] >= 0x80:
            whole = _character(text + at, size - at)
            if whole == 0:
                return at
            at += whole
    return at
