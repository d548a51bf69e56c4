from __future__ import annotations

from fastgw.config.admin import AdminAddress
from fastgw.config.bound import Bound, ListenerTls
from fastgw.config.schema import Listener


def test_listeners_and_the_admin_address_are_bound_and_speak_tls_alike() -> None:
    for kind in (AdminAddress, Listener):
        assert issubclass(kind, Bound) and kind.model_fields["tls"].annotation == ListenerTls | None


def test_one_certificate_needs_no_list() -> None:
    assert ListenerTls.long_form({"cert": "a", "key": "b", "min_version": "1.3"}) == {
        "certificates": [{"cert": "a", "key": "b"}],
        "min_version": "1.3",
    }
    both = {"cert": "a", "certificates": []}
    assert ListenerTls.long_form(both) is both
