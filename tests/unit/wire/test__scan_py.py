"""The plain twin, which is the oracle of the compiled scan, against a reading of its own rules line by line."""

from __future__ import annotations

from hypothesis import given, settings
from hypothesis import strategies as st

from fastgw.wire import _scan_py
from fastgw.wire.errors import WireError
from fastgw.wire.fields import DROP, KEEP, PROTECTED, REQUEST_FIELDS, TRUSTED_REQUEST_FIELDS, FieldTable, is_token
from fastgw.wire.messages import Request
from tests.support.examples import examples
from tests.unit.wire.heads import head_of, lines


def expected_fields(fields: list[bytes], table: FieldTable) -> bytes:
    """What is relayed of ``fields``, said in another way: name by name, without any memory."""
    pairs = [(line.partition(b":")[0].lower(), line) for line in fields]
    named = [line.partition(b":")[2] for name, line in pairs if name == b"connection"]
    tokens = {token.strip(b" \t").lower() for value in named for token in value.split(b",")}
    tokens = {name for name in tokens if name not in PROTECTED and not name.startswith(b"x-forwarded-")}
    tokens -= {b"close", b"keep-alive", b"upgrade", b"te"}
    kept = []
    for name, line in pairs:
        kind = table.learn(name)
        if (kind == KEEP or name == b"content-length") and name not in tokens:
            kept.append(line + b"\r\n")
        if name.replace(b"_", b"-") != name and kind == DROP:
            assert name.replace(b"_", b"-") in {**table.fields, **dict.fromkeys(PROTECTED)}
    return b"".join(kept)


@settings(max_examples=examples(500), deadline=None)
@given(lines, st.booleans())
def test_what_is_relayed(fields: list[bytes], trusted: bool) -> None:
    request = Request()
    table = FieldTable(TRUSTED_REQUEST_FIELDS if trusted else REQUEST_FIELDS)
    try:
        _scan_py.scan_request(head_of(b"GET / HTTP/1.1", fields), request, table, 100)
    except WireError as error:
        refused = error.status
    else:
        refused = 0
    if refused:
        assert refused in (400, 413, 417)
        return
    assert all(is_token(line.partition(b":")[0]) for line in fields)
    fresh = FieldTable(TRUSTED_REQUEST_FIELDS if trusted else REQUEST_FIELDS)
    assert request.fields == expected_fields(fields, fresh)
    assert request.host_count == sum(line.lower().startswith(b"host:") for line in fields)
