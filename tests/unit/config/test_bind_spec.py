"""Where something is bound: which sockets are the same."""

from __future__ import annotations

from fastgw.config.bind_spec import AS_CREATED, AccessSpec, BindSpec
from fastgw.core.settings import Address

PLACE, OTHER = Address(path="/run/a.sock"), Address("127.0.0.1", 80)


def test_sockets_are_the_same_where_place_and_access_are() -> None:
    one = BindSpec(PLACE, (PLACE, OTHER))
    assert one.keys == ("unix:/run/a.sock", "127.0.0.1:80") == BindSpec(OTHER, (PLACE, OTHER), AS_CREATED).keys
    assert (
        one.key(PLACE)
        != one._replace(access=AccessSpec(0o660)).key(PLACE)
        != one._replace(access=AccessSpec(0o600)).key(PLACE)
    )
