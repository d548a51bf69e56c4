"""HTTP/2 (RFC 9113) as bytes: frames, the compression of fields (HPACK, RFC 7541), and a field section as the head of a message.

    bytes -> FrameReader -> a header block -> FieldDecoder -> fields -> sections -> the head that HTTP/1.1 would have

A request over HTTP/2 is made the head of an HTTP/1.1 request, and ``wire.request`` reads that: so one set of rules decides what any request
means, and what goes on to a service that speaks HTTP/1.1 has been read by the rules of HTTP/1.1.
"""
