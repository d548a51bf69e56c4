"""A configuration in pieces."""

from __future__ import annotations

import pickle
from pathlib import Path

from fastgw.config.load import load
from fastgw.config.spec import GatewaySpec
from fastgw.server.messages import Slots
from fastgw.server.pieces import AT_ONCE, bare, cut, joined
from fastgw.server.slots import Tables
from fastgw.steps import whole


def large(folder: Path, count: int) -> tuple[GatewaySpec, Slots]:
    routes = "".join(f"  - {{path: /{n}, service: s{n}, filters: [request_id]}}\n" for n in range(count))
    services = "".join(f"  s{n}: {{endpoints: ['127.0.0.1:{9000 + n}']}}\n" for n in range(count))
    file = folder / "gateway.yaml"
    file.write_text(f"listeners: [{{address: '127.0.0.1:0'}}]\nroutes:\n{routes}services:\n{services}")
    spec = load(file, {})
    return spec, Tables(list).plan(spec)


def test_what_is_joined_is_what_was_cut(tmp_path: Path) -> None:
    spec, slots = large(tmp_path, 2 * AT_ONCE + 1)
    assert whole(joined(bare(spec), cut(spec, slots))) == (spec, slots)


def test_a_piece_does_not_grow_with_the_configuration(tmp_path: Path) -> None:
    few, many = (cut(*large(tmp_path, count)) for count in (AT_ONCE, 4 * AT_ONCE))
    assert len(many) > 3 * len(few)
    assert max(map(len, many)) < 1.1 * max(map(len, few))
    assert sum(1 for _ in joined(bare(large(tmp_path, 1)[0]), many)) == len(many)  # each in a step of its own


def test_what_is_bare_does_not_grow_at_all(tmp_path: Path) -> None:
    few, many = (len(pickle.dumps(bare(large(tmp_path, count)[0]))) for count in (1, 200))
    assert few == many
