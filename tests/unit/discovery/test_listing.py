"""What a source says: strict of each entry, bounded in all."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fastgw.core.settings import Address
from fastgw.discovery.listing import METADATA_MOST, MOST, TEXT_MOST, ListedMember, Skipped, listed, listing


@pytest.mark.parametrize(
    ("text", "port", "address"),
    [
        ("10.0.0.5:9000", 0, Address("10.0.0.5", 9000)),
        ("[2001:DB8::1]:9000", 0, Address("2001:db8::1", 9000)),
        ("10.0.0.5", 9000, Address("10.0.0.5", 9000)),
        ("2001:db8:0::1", 9000, Address("2001:db8::1", 9000)),
    ],
)
def test_addresses_that_are_some(text: str, port: int, address: Address) -> None:
    assert listed(text, port=port).address == address


@pytest.mark.parametrize(
    "text",
    [
        "",
        "10.0.0.5",
        "10.0.0.5:",
        "10.0.0.5:0",
        "10.0.0.5:65536",
        "10.0.0.5:١",
        "10.0.0.5:+1",
        "2001:db8::1:80",
        "example.com:80",
        "unix:/run/x",
        "0.0.0.0:80",
        "[::]:80",
        "224.0.0.1:80",
        "[fe80::1%eth0]:80",
        "10.0.0.05:80",
        "10.0.0.5:80\r\n",
        " 10.0.0.5:80",
        "x" * 1_000_000,
    ],
)
def test_addresses_that_are_none(text: str) -> None:
    with pytest.raises(ValueError) as caught:
        listed(text)
    assert len(str(caught.value)) < 200


@pytest.mark.parametrize("weight", [0, -1, 65_536, 1.5, "1", True, None, [1]])
def test_weights_that_are_none(weight: object) -> None:
    with pytest.raises(ValueError, match="weight"):
        listed("10.0.0.5:80", weight)


@pytest.mark.parametrize("text", [1, None, "a\nb", "x" * (TEXT_MOST + 1)])
def test_texts_that_are_none(text: object) -> None:
    with pytest.raises(ValueError, match="zone"):
        listed("10.0.0.5:80", zone=text)
    with pytest.raises(ValueError, match="metadata"):
        listed("10.0.0.5:80", metadata={"key": text if text != 1 else []})


def test_metadata_has_texts_by_names_in_order() -> None:
    one = listed("10.0.0.5:80", metadata={"version": 2, "gpu": True, "area": "eu"})
    assert one.metadata == (("area", "eu"), ("gpu", "true"), ("version", "2"))
    with pytest.raises(ValueError, match="more than"):
        listed("10.0.0.5:80", metadata={str(number): "" for number in range(METADATA_MOST + 1)})
    with pytest.raises(ValueError, match="no mapping"):
        listed("10.0.0.5:80", metadata=["version"])  # type: ignore[arg-type]


def test_a_listing_is_sorted_has_each_address_once_and_is_bounded() -> None:
    many = [ListedMember(Address("10.0.0.1", number)) for number in range(MOST + 1, 0, -1)]
    one = listing([ListedMember(Address("10.0.0.1", 1), 7), *many], revision="9")
    assert len(one.members) == MOST and one.members[0].weight == 7 and one.revision == "9"
    assert [skipped.entry for skipped in one.skipped] == ["10.0.0.1:1", f"10.0.0.1:{MOST + 1}"]
    assert listing([], [Skipped("a", "b")]).skipped == (Skipped("a", "b"),)


@given(st.text(max_size=40))
def test_whatever_is_listed_is_a_member_or_a_value_error(text: str) -> None:
    try:
        one = listed(text)
    except ValueError:
        return
    assert listed(str(one.address)) == one


@given(st.one_of(st.none(), st.integers(), st.lists(st.integers()), st.dictionaries(st.text(), st.integers())))
def test_so_is_what_is_no_text_at_all(value: object) -> None:
    with pytest.raises(ValueError):
        listed(value)  # type: ignore[arg-type]
