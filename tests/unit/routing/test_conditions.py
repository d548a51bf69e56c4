"""Method and headers among the rules of one path."""

from __future__ import annotations

from fastgw.routing.conditions import Leaf
from tests.unit.routing.tables import nothing, reader, rule


def select(leaf: Leaf, method: str, **headers: str) -> str | None:
    read = reader({name.replace("_", "-"): value for name, value in headers.items()})
    found = leaf.select(method.encode(), read)
    return None if found is None else found.name


def test_a_rule_without_conditions_is_the_default_and_no_group() -> None:
    leaf = Leaf([rule("only")])
    assert leaf.groups == ()
    assert leaf.default is not None
    assert select(leaf, "GET") == "only"


def test_rules_of_one_kind_are_one_decision() -> None:
    leaf = Leaf([rule(f"m{i}", headers={"x-model": f"m{i}", "x-user": "*"}) for i in range(100)])
    assert len(leaf.groups) == 1
    assert select(leaf, "GET", x_model="m7", x_user="u") == "m7"
    assert select(leaf, "GET", x_model="m7") is None
    assert select(leaf, "GET", x_model="none", x_user="u") is None
    assert select(leaf, "GET", x_user="u") is None


def test_several_headers_are_matched_together() -> None:
    leaf = Leaf(
        [
            rule("11", headers={"x-a": "1", "x-b": "1"}),
            rule("12", headers={"x-b": "2", "x-a": "1"}),
            rule("p11", methods=["PUT"], headers={"x-a": "1", "x-b": "1"}),
        ]
    )
    assert select(leaf, "GET", x_a="1", x_b="1") == "11"
    assert select(leaf, "GET", x_a="1", x_b="2") == "12"
    assert select(leaf, "GET", x_a="2", x_b="1") is None
    assert select(leaf, "PUT", x_a="1", x_b="1") == "p11"


def test_presence_alone_needs_no_table() -> None:
    leaf = Leaf([rule("there", headers={"x-a": "*"}), rule("default")])
    assert select(leaf, "GET", x_a="") == "there"
    assert select(leaf, "GET") == "default"


def test_head_follows_get_unless_named_whatever_the_order() -> None:
    get, head = rule("get", methods=["GET"]), rule("head", methods=["HEAD"])
    for leaf in (Leaf([get, head]), Leaf([head, get])):
        assert select(leaf, "HEAD") == "head"
    assert select(Leaf([get]), "HEAD") == "get"
    assert Leaf([rule("both", methods=["GET", "HEAD"])]).select(b"HEAD", nothing) is not None
    narrow = Leaf([rule("get", methods=["GET"], headers={"x-a": "1"})])
    assert select(narrow, "HEAD", x_a="1") == "get"
    assert select(narrow, "HEAD") is None
