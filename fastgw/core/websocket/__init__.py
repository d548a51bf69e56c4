"""Services that speak WebSocket and nothing else (RFC 6455), asked by requests of HTTP.

A connection carries one exchange: its handshake, the request's body as messages, and the messages of the service as the answer.  To the
exchange its end is a ``Carrier`` as any other, so hooks, deadlines, tries, limits, logs and counters are those of any service.
"""
