/* Where counting begins, pauses and ends, for callgrind; outside valgrind these do nothing. */
#include <valgrind/callgrind.h>

void begin(void) {
    CALLGRIND_START_INSTRUMENTATION;
    CALLGRIND_ZERO_STATS;
}

void toggle(void) { /* count from now on, or no longer */
    CALLGRIND_TOGGLE_COLLECT;
}

void end(const char *name) {
    CALLGRIND_DUMP_STATS_AT(name);
    CALLGRIND_STOP_INSTRUMENTATION;
}
