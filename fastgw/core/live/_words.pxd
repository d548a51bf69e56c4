"""The constants of ``words`` for the C compiler; a test holds both side by side."""

cdef enum:
    LAYOUT = 1
    SEATS = 512
    NAMED_CELLS = 16384
    KEYED_CELLS = 65536
    CELLS = 81920
    MAGIC = 0
    FORM = 1
    SEED = 2
    HEADER_WORDS = 8
    SEAT_WORDS = 8
    SEATS_AT = 8
    KEYS_AT = 4104
    VALUES_AT = 86024
    LEDGERS_AT = 167944
    BOARD_WORDS = 42110984
    BOARD_BYTES = 336887872
    PROBES = 64
    SERIAL = 17179869183
    SEAT_SHIFT = 34
    HELD_SHIFT = 44
    CHANGE = 17592186044415
    LEDGER_SHIFT = 34
    CELL_SHIFT = 34
    KIND_SHIFT = 54
    NO_CELL = 1048575
    CLEAN = 18014381329612800
    MAX_HELD = 1048575
    TAKE = 0
    GIVE = 1
    GIVE_ALL = 2
    RENEW = 3
    REFUSED = -1
    NO_ROOM = -2
    GONE = -3
