"""Economies of the hot path that a benchmark can switch off, to show what each is worth: ``FASTGW_ABLATE=no_reuse,no_direct_send``.

    no_raw_sockets   plain connections use uvloop's transports            (``core.net.sockets``)
    no_direct_send   every write goes through the transport              (``core.net.connection``)
    no_reuse         every exchange and request is a new object          (``core.dataplane``)

Read once, when the process starts.  Not meant for service: nothing gets better by any of them.
"""

from __future__ import annotations

import os

OFF = frozenset(os.environ.get("FASTGW_ABLATE", "").split(","))
