"""The macro benchmark: real gateways as processes, pinned to one core, under real load from the other.

One concern, one module: ``scenario`` (what a gateway must be set up for), ``peers`` (how each gateway is told), ``corpus``
(the requests), ``loads`` (what sends them), ``procfs`` (what it cost), ``stats`` (what that means), ``cases`` (what is asked),
``runner`` (in which order), ``goals``, ``report`` and ``charts`` (what is said about it).
"""
