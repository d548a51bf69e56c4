"""``_glance_py`` in C, which has the rules."""

from libc.string cimport memcmp, strlen

from fastgw.wire.usage cimport TokenCounts

cdef enum:  # by the rules of ``wire.usage``
    NOT_TOLD = -1, ABSENT = -2, DIGITS = 13

cdef long long MOST = 1 << 40

cdef extern from *:
    """
    #include <string.h>
    #if defined(__SSE2__)
    #include <emmintrin.h>
    #endif

    /* What is looked for, by its first two bytes, or two in its middle: a line of data, "usage", eval_count. */
    static inline int fastgw_begins(const char *at) {
        return (at[0] == '\\n' && at[1] == 'd') || (at[0] == '"' && at[1] == 'u') || (at[0] == '_' && at[1] == 'c');
    }

    /* Look closer there: four times the lines of data, and 1 if tokens may be told. */
    static long long fastgw_seen(const char *begin, const char *at, const char *end) {
        if (*at == '\\n') return end - at >= 6 && !memcmp(at + 1, "data:", 5) ? 4 : 0;
        if (*at == '_') return at - begin >= 4 && end - at >= 6 && !memcmp(at - 4, "eval_count", 10);
        if (end - at < 7 || memcmp(at, "\\"usage\\"", 7)) return 0;
        for (at += 7; at < end; at++)
            if (*at != ' ' && *at != '\\t' && *at != '\\r' && *at != '\\n' && *at != ':') return *at == '{';
        return 0;
    }

    /* The sum of that in one pass. */
    static long long fastgw_look(const char *begin, const char *end) {
        const char *at = begin;
        long long lines = 0, told = 0, seen;
    #if defined(__SSE2__)
        const __m128i lf = _mm_set1_epi8('\\n'), d = _mm_set1_epi8('d'), quote = _mm_set1_epi8('"'), u = _mm_set1_epi8('u'),
                      bar = _mm_set1_epi8('_'), c = _mm_set1_epi8('c');
        for (; end - at > 16; at += 16) {
            __m128i one = _mm_loadu_si128((const __m128i *)at), two = _mm_loadu_si128((const __m128i *)(at + 1));
            __m128i line = _mm_and_si128(_mm_cmpeq_epi8(one, lf), _mm_cmpeq_epi8(two, d));
            __m128i usage = _mm_and_si128(_mm_cmpeq_epi8(one, quote), _mm_cmpeq_epi8(two, u));
            __m128i count = _mm_and_si128(_mm_cmpeq_epi8(one, bar), _mm_cmpeq_epi8(two, c));
            unsigned found = (unsigned)_mm_movemask_epi8(_mm_or_si128(line, _mm_or_si128(usage, count)));
            for (; found; found &= found - 1) {
                seen = fastgw_seen(begin, at + __builtin_ctz(found), end);
                lines += seen & 4;
                told |= seen & 1;
            }
        }
    #endif
        for (; end - at > 1; at++) {
            if (!fastgw_begins(at)) continue;
            seen = fastgw_seen(begin, at, end);
            lines += seen & 4;
            told |= seen & 1;
        }
        return lines | told;
    }
    """
    long long _look "fastgw_look"(const char* begin, const char* end) noexcept nogil


cpdef long long glance(bytes block, Py_ssize_t begin) except -1:
    """See ``_glance_py``."""
    cdef const char* at = block
    cdef const char* end = at + len(block)
    cdef const char* last
    cdef long long seen
    at = at + begin if begin < end - at else end
    seen = _look(at, end)
    if end - at >= 5 and memcmp(at, b"data:", 5) == 0:
        seen += 4
    last = end - 16 if end - at > 16 else at
    while end - last >= 6:
        if last[0] == c"[" and memcmp(last, b"[DONE]", 6) == 0:
            return seen | 2
        last += 1
    return seen


cpdef bint may_tell(bytes block, Py_ssize_t begin) except -1:
    """See ``_glance_py``."""
    cdef const char* at = block
    cdef const char* end = at + len(block)
    return _look(at + begin if begin < end - at else end, end) & 1


# --- what an answer tells of its tokens

cdef extern from *:
    """
    #if defined(__SSE2__)
    #include <emmintrin.h>
    #endif
    /* The first quote or backslash; NULL: there is none. */
    static inline const char *fastgw_quote(const char *at, const char *end) {
    #if defined(__SSE2__)
        const __m128i quote = _mm_set1_epi8('"'), slash = _mm_set1_epi8('\\\\');
        while (end - at >= 16) {
            __m128i part = _mm_loadu_si128((const __m128i *)at);
            int found = _mm_movemask_epi8(_mm_or_si128(_mm_cmpeq_epi8(part, quote), _mm_cmpeq_epi8(part, slash)));
            if (found) return at + __builtin_ctz((unsigned)found);
            at += 16;
        }
    #endif
        while (at < end && *at != '"' && *at != '\\\\') at++;
        return at < end ? at : NULL;
    }
    """
    const char* _quote "fastgw_quote"(const char* at, const char* end) noexcept nogil

cdef enum:  # what an object is, whose members are looked at
    ANSWER, NESTED, USAGE, DETAILS, EVENT, CHOICE, DELTA

cdef enum:
    MODEL_MAX = 256
    PLACES = 12  # of ``NUMBERS``, and the four of which two are told
    CACHED = 8, REASONING = 10  # where those begin that stand in details

cdef const char** NAMES = [
    "prompt_tokens", "input_tokens", "completion_tokens", "output_tokens", "total_tokens", "cache_read_input_tokens",
    "cache_creation_input_tokens", "prompt_cache_hit_tokens",
    "prompt_tokens_details", "input_tokens_details", "completion_tokens_details", "output_tokens_details",
]

cdef const char** TEXTS = ["content", "reasoning_content", "reasoning", "refusal"]  # what a delta brings

cdef struct Seen:
    const char* model
    Py_ssize_t model_size
    long long numbers[PLACES]
    bint has_details[PLACES]
    long long prompt_evaluated, evaluated
    int place  # of the details whose members are looked at
    long long content  # bytes that an event brings; -1: there are no choices
    long long before  # those of choices in front
    int texts  # of a delta, a bit for each of ``TEXTS`` that it has had


cdef bint _read_members(bytes answer, Seen* seen) except -1:
    """Whether there is something to be told of it without reading it."""
    cdef const char* at = answer
    cdef const char* end = at + len(answer)
    seen.model = NULL
    seen.model_size = 0
    seen.prompt_evaluated = seen.evaluated = NOT_TOLD
    _forget(seen)
    at = _blank(at, end)
    if at == end or at[0] != c"{":
        return False
    at = _members(at + 1, end, seen, ANSWER)
    if at == NULL or _blank(at, end) != end:
        return False
    if not seen.has_details[CACHED]:
        seen.numbers[CACHED] = seen.numbers[CACHED + 1]
    if not seen.has_details[REASONING]:
        seen.numbers[REASONING] = seen.numbers[REASONING + 1]
    return True


cdef inline str _model_of(Seen* seen):
    return seen.model[:seen.model_size].decode("ascii") if seen.model != NULL else ""


cpdef bint tell_used(TokenCounts told, bytes answer) except -1:
    """See ``_glance_py``."""
    cdef Seen seen
    if not _read_members(answer, &seen):
        return False
    told.take(
        _model_of(&seen),
        seen.numbers[0], seen.numbers[1], seen.numbers[2], seen.numbers[3], seen.numbers[4], seen.numbers[5], seen.numbers[6],
        seen.numbers[7], seen.numbers[CACHED], seen.numbers[REASONING], seen.prompt_evaluated, seen.evaluated,
    )
    return True


cpdef long long tell_begun(TokenCounts told, bytes event) except -2:
    """See ``_glance_py``."""
    cdef Seen seen
    cdef const char* at = event
    cdef const char* end = at + len(event)
    seen.model = NULL
    seen.content = -1
    if at == end or at[0] != c"{":
        return -1
    at = _members(at + 1, end, &seen, EVENT)
    if at == NULL or _blank(at, end) != end or seen.content < 0:
        return -1
    if seen.model != NULL and not told.model:
        told.take(
            _model_of(&seen), ABSENT, NOT_TOLD, NOT_TOLD, NOT_TOLD, NOT_TOLD, NOT_TOLD, NOT_TOLD, NOT_TOLD, NOT_TOLD, NOT_TOLD, NOT_TOLD, NOT_TOLD
        )
    return seen.content


cdef void _forget(Seen* seen) noexcept:
    """No usage is told."""
    cdef int place
    for place in range(PLACES):
        seen.numbers[place] = NOT_TOLD
        seen.has_details[place] = False
    seen.numbers[0] = ABSENT


cdef inline const char* _blank(const char* at, const char* end) noexcept:
    """Behind the white space there."""
    while at < end and (at[0] == 32 or at[0] == 10 or at[0] == 13 or at[0] == 9):
        at += 1
    return at


cdef inline const char* _string_end(const char* at, const char* end, bint* has_escapes) noexcept:
    """The quote that ends the string whose text begins there; NULL: it has no end."""
    has_escapes[0] = False
    at = _quote(at, end)
    while at != NULL and at[0] == c"\\":
        has_escapes[0] = True
        at = _quote(at + 2, end) if end - at > 2 else NULL
    return at


cdef const char* _skipped(const char* at, const char* end) noexcept:
    """Behind the value that begins there; NULL: it has no end."""
    cdef int depth = 0
    cdef bint has_escapes
    while at < end:
        if at[0] == c'"':
            at = _string_end(at + 1, end, &has_escapes)
            if at == NULL:
                return NULL
        elif at[0] == c"{" or at[0] == c"[":
            depth += 1
        elif at[0] == c"}" or at[0] == c"]":
            depth -= 1
        elif not depth:  # a number, or a word
            while at < end and (at[0] == 0x2B or at[0] == 0x2D or at[0] == 0x2E or 0x30 <= at[0] <= 0x39 or 0x41 <= at[0] <= 0x7A):
                at += 1
            return at
        at += 1
        if depth <= 0:
            return at if not depth else NULL
    return NULL


cdef const char* _members(const char* at, const char* end, Seen* seen, int what) noexcept:
    """Behind the object whose members begin there; NULL: it has to be read."""
    cdef const char* key
    cdef Py_ssize_t size
    cdef bint has_escapes
    at = _blank(at, end)
    if at < end and at[0] == c"}":
        return at + 1
    while at < end and at[0] == c'"':
        key = at + 1
        at = _string_end(key, end, &has_escapes)
        if at == NULL or has_escapes:
            return NULL
        size = at - key
        at = _blank(at + 1, end)
        if at == end or at[0] != c":":
            return NULL
        at = _blank(at + 1, end)
        if at == end:
            return NULL
        if what == ANSWER:
            at = _of_answer(key, size, at, end, seen)
        elif what == USAGE:
            at = _of_usage(key, size, at, end, seen)
        elif what >= EVENT:
            at = _of_event(key, size, at, end, seen) if what == EVENT else _of_choice(key, size, at, end, seen, what)
        elif what == NESTED:
            at = NULL if _is(key, size, "usage") or _is(key, size, "model") else _skipped(at, end)
        else:
            at = _of_details(key, size, at, end, seen)
        if at == NULL:
            return NULL
        at = _blank(at, end)
        if at == end:
            return NULL
        if at[0] == c"}":
            return at + 1
        if at[0] != c",":
            return NULL
        at = _blank(at + 1, end)
    return NULL


cdef inline bint _is(const char* key, Py_ssize_t size, const char* name) noexcept:
    return <Py_ssize_t>strlen(name) == size and memcmp(key, name, size) == 0


cdef const char* _of_answer(const char* key, Py_ssize_t size, const char* at, const char* end, Seen* seen) noexcept:
    if _is(key, size, "usage"):
        _forget(seen)
        return _members(at + 1, end, seen, USAGE) if at[0] == c"{" else _skipped(at, end)
    if _is(key, size, "model"):
        return _model(at, end, seen)
    if _is(key, size, "eval_count"):
        return _number(at, end, &seen.evaluated)
    if _is(key, size, "prompt_eval_count"):
        return _number(at, end, &seen.prompt_evaluated)
    if at[0] == c"{" and (_is(key, size, "message") or _is(key, size, "response") or _is(key, size, "x_groq")):
        return _members(at + 1, end, seen, NESTED)
    return _skipped(at, end)


cdef const char* _model(const char* at, const char* end, Seen* seen) noexcept:
    cdef const char* stop
    cdef bint has_escapes
    seen.model = NULL
    if at[0] != c'"':
        return _skipped(at, end)
    stop = _string_end(at + 1, end, &has_escapes)
    if stop == NULL or has_escapes or stop - at > MODEL_MAX:
        return NULL
    seen.model = at + 1
    seen.model_size = stop - at - 1
    for place in range(seen.model_size):
        if not 0x20 <= seen.model[place] < 0x7F:
            return NULL
    return stop + 1


cdef const char* _of_usage(const char* key, Py_ssize_t size, const char* at, const char* end, Seen* seen) noexcept:
    cdef int place
    for place in range(PLACES):
        if _is(key, size, NAMES[place]):
            break
    else:
        return _skipped(at, end)
    if place < CACHED:
        return _number(at, end, &seen.numbers[place])
    seen.numbers[place] = NOT_TOLD
    seen.has_details[place] = False
    if at[0] == c"n":
        return _skipped(at, end)
    seen.place = place
    return _members(at + 1, end, seen, DETAILS) if at[0] == c"{" else NULL


cdef const char* _of_details(const char* key, Py_ssize_t size, const char* at, const char* end, Seen* seen) noexcept:
    seen.has_details[seen.place] = True
    if _is(key, size, "cached_tokens" if seen.place < REASONING else "reasoning_tokens"):
        return _number(at, end, &seen.numbers[seen.place])
    return NULL if _is(key, size, "thinking_tokens") else _skipped(at, end)


cdef const char* _number(const char* at, const char* end, long long* number) noexcept:
    """Behind the value there, which is ``number`` if it is a whole one that tokens may have."""
    cdef const char* stop = _skipped(at, end)
    number[0] = NOT_TOLD
    if stop == NULL or stop - at > DIGITS or not 0x30 <= at[0] <= 0x39:
        return stop
    number[0] = 0
    while at < stop:
        if not 0x30 <= at[0] <= 0x39:
            number[0] = NOT_TOLD
            return stop
        number[0] = number[0] * 10 + (at[0] - 0x30)
        at += 1
    if number[0] >= MOST:
        number[0] = NOT_TOLD
    return stop


cdef const char* _of_event(const char* key, Py_ssize_t size, const char* at, const char* end, Seen* seen) noexcept:
    if _is(key, size, "choices"):
        return _choices(at, end, seen)
    if _is(key, size, "model"):
        return _model(at, end, seen)
    if _is(key, size, "usage") and at[0] != c"n":
        return NULL
    if _is(key, size, "message") or _is(key, size, "response") or _is(key, size, "x_groq"):
        return NULL
    if _is(key, size, "eval_count") or _is(key, size, "prompt_eval_count"):
        return NULL
    return _skipped(at, end)


cdef const char* _choices(const char* at, const char* end, Seen* seen) noexcept:
    """Behind the array that begins there."""
    if at[0] != c"[":
        return NULL
    seen.content = 0
    at = _blank(at + 1, end)
    if at < end and at[0] == c"]":
        return at + 1
    while at < end and at[0] == c"{":
        seen.before = seen.content
        at = _members(at + 1, end, seen, CHOICE)
        if at == NULL:
            return NULL
        at = _blank(at, end)
        if at == end:
            return NULL
        if at[0] == c"]":
            return at + 1
        if at[0] != c",":
            return NULL
        at = _blank(at + 1, end)
    return NULL


cdef const char* _of_choice(const char* key, Py_ssize_t size, const char* at, const char* end, Seen* seen, int what) noexcept:
    """The same of a member of a choice, or of its ``delta``."""
    cdef const char* stop
    cdef bint has_escapes
    cdef int place
    if what == CHOICE:
        if _is(key, size, "delta"):
            seen.content = seen.before  # of several keys the last counts
            seen.texts = 0
            return _members(at + 1, end, seen, DELTA) if at[0] == c"{" else NULL
        return NULL if _is(key, size, "text") else _skipped(at, end)
    if _is(key, size, "role") or at[0] == c"n":
        return _skipped(at, end)
    for place in range(4):
        if _is(key, size, TEXTS[place]):
            break
    else:
        return NULL
    if at[0] != c'"' or seen.texts >> place & 1:
        return NULL
    seen.texts |= 1 << place
    stop = _string_end(at + 1, end, &has_escapes)
    if stop == NULL or has_escapes:
        return NULL
    seen.content += stop - at - 1
    return stop + 1
