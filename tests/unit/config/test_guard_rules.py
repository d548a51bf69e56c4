"""Keys that are for rules, and who has those."""

from __future__ import annotations

from pathlib import Path

import pytest

from fastgw.cli.check import check
from fastgw.filters.key_file import ApiKey, dump_keys
from tests.unit.config.test_limit_rules import text

GUARD = "  guard: {type: guardrails, sets: {strict: {max_choices: 1}}}\n"
NOBODY = "the key 'ann' is for the rules 'strict', and no filter of type guardrails is behind it in the chain of the route '/*'"
NO_SET = "the key 'ann' is for the rules 'loose', which the filter guardrails in the chain of the route '/*' does not have: 403"


@pytest.mark.parametrize(
    ("rules", "chain", "told"),
    [
        ("strict", "keys, guard", ""),
        ("strict", "guard, keys", NOBODY),
        ("loose", "keys, guard", NO_SET),
        ("", "keys", ""),
    ],
)
def test_who_has_the_rules_of_a_key(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], rules: str, chain: str, told: str
) -> None:
    file, config = tmp_path / "keys.json", tmp_path / "gw.yaml"
    file.write_bytes(dump_keys([ApiKey("ann", bytes(32), guardrails=rules)]))
    config.write_text(text(chain, f"  keys: {{type: api_key, file: {file}}}\n", GUARD))
    assert check(str(config), as_json=False) == 0
    said = capsys.readouterr()
    assert (told in said.out + said.err) if told else ("the key" not in said.out + said.err)
