"""Where each word of the board is, and what its bits mean.

``_words.pxd`` has the same for the C compiler; a test holds both side by side.
"""

from __future__ import annotations

LAYOUT = 2  #: changes with anything here that two versions would read differently

SEATS = 512  #: processes at one time, two generations of workers together
NAMED_CELLS = 16384  #: keys of the configuration
KEYED_CELLS = (
    65536  #: keys of clients: each is used by as many requests as are under way with it, and free when there is none
)
CELLS = NAMED_CELLS + KEYED_CELLS  #: with counts; these are in the ledgers
NAMED_TIMES = 16384  #: keys of the configuration whose value is a time
KEYED_TIMES = 262144  #: keys of clients, each used for as long as its time is to come
ALL_CELLS = CELLS + NAMED_TIMES + KEYED_TIMES

MAGIC, FORM, SEED = 0, 1, 2  #: words of the header; the seed has two
HEADER_WORDS = 8
SEAT_WORDS = 8  #: a cache line: the intent, and the acknowledgement behind it
SEATS_AT = HEADER_WORDS
KEYS_AT = SEATS_AT + SEATS * SEAT_WORDS
VALUES_AT = KEYS_AT + ALL_CELLS
LEDGERS_AT = VALUES_AT + ALL_CELLS
BOARD_WORDS = LEDGERS_AT + SEATS * CELLS
BOARD_BYTES = (
    BOARD_WORDS * 8
)  #: 340 MB, of which memory is only what is used: 16 bytes for a cell and its key, and 8 for a cell of a ledger

PROBES = 64  #: places a key may be at

# The bits of values, ledgers and intents: the head of ``holds`` has their parts.
SERIAL = (1 << 34) - 1  #: mask
SEAT_SHIFT = 34  #: of a value
HELD_SHIFT = 44  #: of a value: from this bit on how often it is held; it is spent when that is 0
CHANGE = (1 << HELD_SHIFT) - 1  #: mask of a value: who changed it last, and when
LEDGER_SHIFT = 34
CELL_SHIFT = 34  #: of an intent
KIND_SHIFT = 54
NO_CELL = (1 << 20) - 1  #: of the intent of a seat that holds nothing
CLEAN = NO_CELL << CELL_SHIFT  #: such an intent, but for its serial
MAX_HELD = (1 << 20) - 1  #: holders of one cell

TAKE, GIVE, GIVE_ALL, RENEW = 0, 1, 2, 3  #: kinds of intents

#: Instead of a cell, from ``take``.
REFUSED = -1  #: as many as may hold it do
NO_ROOM = -2  #: the table is full for this key
GONE = -3  #: the cell has another key by now (never told outside)
