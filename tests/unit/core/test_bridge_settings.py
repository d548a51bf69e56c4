"""What a route says of a broker."""

from __future__ import annotations

from fastgw.core.bridge_settings import BrokerAddress


def test_an_address_is_shown_as_it_is_written() -> None:
    assert str(BrokerAddress(False, "a.test", 1883)) == "mqtt://a.test:1883"
    assert str(BrokerAddress(True, "::1", 8883)) == "mqtts://[::1]:8883"
