"""Configuration: YAML vocabulary -> strict load -> specification -> snapshot.

    values, schema   what may be written (pydantic; the supervisor and ``fastgw check`` only)
    source           YAML text -> plain tree in which every value knows its line
    load, check      tree -> ``GatewaySpec``, or every problem at once
    spec             the result: plain, frozen, picklable; what the supervisor sends to its workers
    compile          ``GatewaySpec`` -> ``core.snapshot.Snapshot``, inside a worker (neither pydantic nor yaml)

This package imports nothing by itself, because workers import ``spec`` and ``compile`` only.
"""
