"""HTTP/2 on connections of clients: a connection reads frames, and each of its streams is the client of one exchange.

bytes ─▶ Http2Client ── HEADERS ──▶ a head of HTTP/1.1 ─▶ RequestReader ─▶ Relay.begin ─▶ ...
             │  ── DATA, RST_STREAM, WINDOW_UPDATE ──▶ Http2Stream ─▶ Relay.on_request_body, abort, on_client_ready
             ◀── Http2Link ◀── HEADERS, DATA ── Http2Stream ◀── send_head, send_body, send_last ── Relay
"""
