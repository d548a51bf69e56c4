"""Configuration: YAML vocabulary -> strict load -> specification -> snapshot.

    values, types, model, schema   what may be written (pydantic; the supervisor and ``fastgw check`` only)
    source, environment, excerpt   YAML text -> plain tree in which every value knows its line
    load, explain, check, warn     tree -> ``GatewaySpec``, or every problem at once; and warnings
    spec                           the result: plain, frozen, picklable; what the supervisor sends to its workers
    compile                        ``GatewaySpec`` -> ``core.snapshot.Snapshot``, inside a worker (no pydantic, no YAML)

This package imports nothing by itself, because workers import ``spec`` and ``compile`` only.
"""
