"""Bodies that are refused for their type."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import pytest

from fastgw.errors import DownstreamError
from fastgw.transformers.media import refuse_other_than_json, refused_type


def asked(kind: bytes | None, has_body: bool = True) -> Any:
    return SimpleNamespace(has_body=has_body, header=lambda name: kind)


@pytest.mark.parametrize(("kind", "said"), [(b"Text/HTML; a=b", "'text/html'"), (None, "nothing")])
def test_who_is_refused_is_told_what_is_taken(kind: bytes | None, said: str) -> None:
    error = refused_type(asked(kind), ("image/png", "image/jpeg"))
    assert (error.status, error.code) == (415, "body_type_refused")
    assert error.detail == f"the body must be image/png or image/jpeg here, Content-Type says {said}"
    assert error.headers == (("accept-post", "image/png, image/jpeg"),)
    with pytest.raises(DownstreamError):
        refuse_other_than_json(asked(kind))


def test_who_has_no_body_has_none_of_a_wrong_type() -> None:
    refuse_other_than_json(asked(None, has_body=False))
