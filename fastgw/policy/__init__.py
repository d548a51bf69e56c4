"""Floor 0: decisions without effects.  Time and chance are arguments, so every decision can be replayed.

balancers    which endpoint takes the next exchange
ewma         the same, by how fast each has answered of late
hashing      the same, by a key of the exchange; maglev: another way to do that
prefix_hash  the same, by what a prompt begins with
"""

from __future__ import annotations
