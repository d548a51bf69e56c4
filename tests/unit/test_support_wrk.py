"""What wrk prints is read right."""

from __future__ import annotations

from tests.support.wrk import Load, read

GOOD = """Running 1s test @ http://127.0.0.1:1/
  1 threads and 16 connections
  Thread Stats   Avg      Stdev     Max   +/- Stdev
    Latency   620.41us  104.59us   1.93ms   85.55%
    Req/Sec    25.70k   680.41    26.80k    72.73%
  28109 requests in 1.10s, 3.24MB read
Requests/sec:  25558.12
Transfer/sec:      2.95MB
"""


def test_a_clean_run() -> None:
    load = read(GOOD)
    assert load == Load(requests=28109, rate=25558.12) and load.failed == 0


def test_errors_are_counted() -> None:
    errors = "  Socket errors: connect 1, read 2, write 3, timeout 4\n  Non-2xx or 3xx responses: 5\nRequests/sec:"
    load = read(GOOD.replace("Requests/sec:", errors))
    assert (load.connect, load.read, load.write, load.timeout, load.refused) == (1, 2, 3, 4, 5) and load.failed == 15
