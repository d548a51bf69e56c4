"""Who limits what is used has it metered behind it."""

from __future__ import annotations

from pathlib import Path

import pytest

from fastgw.cli.check import check
from fastgw.filters.key_file import ApiKey, dump_keys
from tests.unit.config.files import MINIMAL, problems

LIMIT = "  limit: {type: token_limit, limits: [{rate: 5/m}]}\n"
COST = LIMIT.replace("5/m", "5/d, unit: cost")
REQUESTS = LIMIT.replace("5/m", "5/m, unit: requests")
METER = "  meter: {type: usage}\n"
PRICED = "  meter: {type: usage, prices: {m: {input: 1}}}\n"
NOBODY = "filters.limit: nobody behind it in the chain of the route '/*' meters what is used: name a filter of type usage there"


def text(chain: str, *filters: str, top: str = "") -> str:
    return MINIMAL.replace("service: a}", f"service: a, filters: [{chain}]}}") + top + "filters:\n" + "".join(filters)


@pytest.mark.parametrize(
    ("file", "expected"),
    [
        (text("limit, meter", LIMIT, METER), []),
        (text("limit, usage", LIMIT), []),
        (text("meter", LIMIT, METER, top="chain: [limit]\n"), []),
        (text("limit", REQUESTS), []),
        (text("meter", LIMIT, METER), []),
        (text("limit", LIMIT.replace("rate: 5/m", "max: 5")), []),
        (text("limit", LIMIT), [NOBODY]),
        (text("meter, limit", LIMIT, METER), [NOBODY]),
        (text("limit, meter", COST, PRICED), []),
        (
            text("limit, meter", COST, METER),
            ["filters.limit: limits the cost, and the filter usage behind it (route '/*') has no prices"],
        ),
    ],
)
def test_who_meters(tmp_path: Path, file: str, expected: list[str]) -> None:
    assert [line.partition(": ")[2] for line in problems(tmp_path, file)] == expected


def test_a_key_with_limits_of_models_has_somebody_behind_it_who_holds_it_to_them(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    key = ApiKey("ann", bytes(32), of_models=(("tokens", "5/m"),))
    file, config = tmp_path / "keys.json", tmp_path / "gw.yaml"
    keys = f"  keys: {{type: api_key, file: {file}}}\n"
    for known, chain, is_told in (
        (key, "keys", True),
        (key, "limit, keys, meter", True),
        (key, "keys, limit, meter", False),
        (key._replace(of_models=()), "keys", False),
    ):
        file.write_bytes(dump_keys([known]))
        config.write_text(text(chain, keys, LIMIT, METER))
        check(str(config), as_json=False)
        said = "the key 'ann' has a limit of 'tokens', and no filter of type token_limit behind it in the chain of the route '/*'"
        told = capsys.readouterr()
        assert (said in told.out + told.err) == is_told, told
