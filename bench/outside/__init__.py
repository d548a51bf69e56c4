"""fastgw and its peers by somebody else's scenarios: those of GetBusbar's ``benchmarking`` (onthebench.ai), read from a checkout of it.

Theirs: what is asked (paths, bodies and fields of six dialects), what the service answers, how a gateway is defined (``definition.json``),
which figures there are and how each comes out of its windows of load, and the load generator where one of theirs is given.
Ours: the service's program, the reader of these definitions, and the table.  Nothing of theirs is in this repository.
"""
