"""How a version is chosen."""

from __future__ import annotations

from fastgw.config.versions import VersionBy


def test_clients_have_no_say_unless_the_file_gives_them_a_field() -> None:
    assert VersionBy.model_validate({}).header is None
    found = VersionBy.model_validate({"header": "X-Model-Version", "sticky": "cookie:sid"})
    assert (found.header, found.sticky) == ("x-model-version", "cookie:sid")
