"""What a request costs that is answered by code in the server's own process: ``fastgw.App`` and ASGI beside servers that do nothing else,
and calls that are gathered into batches beside the same calls one by one.

``python -m bench.inside`` (``scripts/inside``) runs it.
"""
