"""The Huffman code of HPACK (RFC 7541 appendix B), and the tables that both decoders walk.

The code is canonical: of codes of one length the next symbol has the next number, and a longer one begins where the shorter ones end.  So
the lengths are all there is to know.

The decoder takes four bits at a time.  A *state* is an inner node of the tree, of which there are 256 for 257 leaves: so it fits a byte.
``NEXT``, ``SYMBOL`` and ``FLAGS`` say at ``state << 4 | bits`` where those bits lead, and what was met on the way: one symbol at most, as
no code is shorter than five bits.
"""

from __future__ import annotations

from typing import Final

EOS: Final = 256

#: Bits of the code of each byte, and of EOS.
LENGTHS: Final = (
    *(13, 23, 28, 28, 28, 28, 28, 28, 28, 24, 30, 28, 28, 30, 28, 28, 28, 28, 28, 28, 28, 28, 30, 28, 28, 28, 28, 28, 28, 28, 28, 28),
    *(6, 10, 10, 12, 13, 6, 8, 11, 10, 10, 8, 11, 8, 6, 6, 6, 5, 5, 5, 6, 6, 6, 6, 6, 6, 6, 7, 8, 15, 6, 12, 10),
    *(13, 6, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 8, 7, 8, 13, 19, 13, 14, 6),
    *(15, 5, 6, 5, 6, 5, 6, 6, 6, 5, 7, 7, 6, 6, 6, 5, 6, 7, 6, 5, 5, 6, 7, 7, 7, 7, 7, 15, 11, 14, 13, 28),
    *(20, 22, 20, 20, 22, 22, 22, 23, 22, 23, 23, 23, 23, 23, 24, 23, 24, 24, 22, 23, 24, 23, 23, 23, 23, 21, 22, 23, 22, 23, 23, 24),
    *(22, 21, 20, 22, 22, 23, 23, 21, 23, 22, 22, 24, 21, 22, 23, 23, 21, 21, 22, 21, 23, 22, 23, 23, 20, 22, 22, 22, 23, 22, 22, 23),
    *(26, 26, 20, 19, 22, 23, 22, 25, 26, 26, 26, 27, 27, 26, 24, 25, 19, 21, 26, 27, 27, 26, 27, 24, 21, 21, 26, 26, 28, 27, 27, 27),
    *(20, 24, 20, 21, 22, 21, 21, 23, 22, 22, 25, 25, 24, 24, 26, 23, 26, 27, 26, 26, 27, 27, 27, 27, 27, 28, 27, 27, 27, 27, 27, 26),
    30,
)  # fmt: skip

EMITS: Final = 1  #: a symbol was met
FAILS: Final = 2  #: EOS was, or no code goes on so: a decoding error (section 5.2)
ENDS: Final = 4  #: a string may end here: what is left are at most seven bits, all of them 1


def codes() -> list[int]:
    """The code of each symbol."""
    found, code, size = [0] * len(LENGTHS), 0, 0
    for length, symbol in sorted((length, symbol) for symbol, length in enumerate(LENGTHS)):
        code <<= length - size
        found[symbol], size = code, length
        code += 1
    return found


def _tree() -> list[list[int]]:
    """The children of each inner node: another one, or ``~symbol``; the root is 0."""
    nodes = [[0, 0]]
    for symbol, code in enumerate(CODES):
        node = 0
        for place in range(LENGTHS[symbol] - 1, 0, -1):
            bit = code >> place & 1
            if not nodes[node][bit]:
                nodes[node][bit] = len(nodes)
                nodes.append([0, 0])
            node = nodes[node][bit]
        nodes[node][code & 1] = ~symbol
    return nodes


def _tables() -> tuple[bytes, bytes, bytes]:
    nodes = _tree()
    ends, node = {0}, 0
    for _ in range(7):  # a string is filled up with the first bits of EOS, which are all 1
        node = nodes[node][1]
        ends.add(node)
    goes_to, symbols, flags = bytearray(4096), bytearray(4096), bytearray(4096)
    for state in range(len(nodes)):
        for bits in range(16):
            at, node = state << 4 | bits, state
            for place in (3, 2, 1, 0):
                node = nodes[node][bits >> place & 1]
                if node == ~EOS:
                    flags[at], node = FAILS, 0
                    break
                if node < 0:
                    flags[at] |= EMITS
                    symbols[at], node = ~node, 0
            goes_to[at] = node
            if node in ends and not flags[at] & FAILS:
                flags[at] |= ENDS
    return bytes(goes_to), bytes(symbols), bytes(flags)


CODES: Final = codes()
NEXT, SYMBOL, FLAGS = _tables()
