"""What the file says of copies: the same of a mirror and of a shadow."""

from __future__ import annotations

from fastgw.config.copies import Copies, Shadow
from fastgw.config.schema import Mirror


def test_a_mirror_and_a_shadow_say_the_same_of_copies() -> None:
    mirror = Mirror.model_validate({"service": "a", "share": "5%"})
    shadow = Shadow.model_validate({"version": "v2", "share": "5%"})
    for key in Copies.model_fields:
        assert getattr(mirror, key) == getattr(shadow, key)
    assert (mirror.share, mirror.max_body, mirror.max_in_flight, mirror.credentials) == (0.05, 65536, 64, "drop")
