"""Floor 0: decisions without effects.  Time and chance are arguments, so every decision can be replayed.

balancers    which endpoint takes the next exchange
"""

from __future__ import annotations
