"""Ends that carry many exchanges at once on one connection, to drive the exchange with what is not HTTP/1.

    link = ClientLink(edge)                      # a client connects
    stream = link.ask(HEAD, b"hello")            # and asks: as many at once as it likes
    edge.links[0].open()                         # the pool asked for a connection; it is there now
    edge.links[0].streams[0].answer(OK, b"ok")   # answers come in any order
    assert stream.body == b"ok" and stream.is_complete

There is no wire here: a head is the text that HTTP/1 would have, a body is its data alone, and a reset, a flow-control window and the
going away of a whole connection are method calls.  The rest is what any such protocol has to do (RFC 9113 sections 5 and 6.8 are the
model): a stream is a ``Client`` or a ``Carrier`` without a transport, and is never used again.
"""
