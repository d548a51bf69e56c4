"""Pages of members in general: what they say is read by ``Engines`` and ``MemberModels``, whose tests have all the rest."""

from __future__ import annotations

import pytest

from fastgw.config.spec import ModelListsSpec
from fastgw.server.engines import Engines
from fastgw.server.member_pages import MemberPages
from fastgw.server.model_lists import MemberModels


@pytest.mark.parametrize("kind", [Engines, MemberModels])
def test_each_kind_says_what_it_reads(kind: type[MemberPages[object]]) -> None:
    words = (kind.accepts, kind.failed, kind.works)
    assert all(words) and len(set(words)) == 3


def test_terms_have_what_is_asked_for() -> None:
    terms = ModelListsSpec("/v1/models", None, 10.0, 2.0)
    assert (terms.path, terms.port, terms.interval, terms.timeout) == ("/v1/models", None, 10.0, 2.0)
