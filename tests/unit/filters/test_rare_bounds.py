"""What few requests say of how much they may have generated."""

from __future__ import annotations

import pytest

from fastgw.errors import DownstreamError
from fastgw.filters.rare_bounds import RareBounds, rare_bounds
from fastgw.policy.amounts import MOST


@pytest.mark.parametrize(
    ("body", "found"),
    [
        (b"{}", RareBounds()),
        (b'{"best_of": 4, "n": 2}', RareBounds(best_of=4)),
        (b'{"best_of": 4.0, "n_predict": 30}', RareBounds(30, 4)),
        (b'{"n_predict": -1, "best_of": null}', RareBounds()),
        (b'{"n_predict": 1e30}', RareBounds(MOST)),
        (b'{"prompt": "one"}', RareBounds()),
        (b'{"prompt": ["one", "two", "three"]}', RareBounds(prompts=3)),
        (b'{"prompt": [[1, 2], [3]]}', RareBounds(prompts=2)),
        (b'{"prompt": [1, 2, 3]}', RareBounds()),
        (b'{"prompt": []}', RareBounds()),
        (b'{"prompt": ["%b", "x"]}' % (b"a" * 9000), RareBounds(prompts=2)),
        (b'{"options": {"num_predict": 5}}', RareBounds()),
        (b"\xef\xbb\xbf{}", RareBounds()),
        (b"{", RareBounds()),
    ],
)
def test_of_completions(body: bytes, found: RareBounds) -> None:
    assert rare_bounds(body, is_of_ollama=False) == found


@pytest.mark.parametrize(
    ("body", "tokens"),
    [
        (b"{}", -1),
        (b'{"options": null}', -1),
        (b'{"options": {"num_predict": 128, "seed": 1}}', 128),
        (b'{"options": {"num_predict": -2}}', -1),
        (b'{"options": [1]}', -1),
        (b'{"best_of": 3}', -1),
    ],
)
def test_of_ollama(body: bytes, tokens: int) -> None:
    assert rare_bounds(body, is_of_ollama=True) == RareBounds(tokens)


@pytest.mark.parametrize("said", ['"5"', "true", "1.5", "[]", "{}"])
def test_what_is_no_number_is_refused(said: str) -> None:
    with pytest.raises(DownstreamError, match="best_of must be a whole number"):
        rare_bounds(f'{{"best_of": {said}}}'.encode(), is_of_ollama=False)
    with pytest.raises(DownstreamError, match="num_predict must be a whole number"):
        rare_bounds(f'{{"options": {{"num_predict": {said}}}}}'.encode(), is_of_ollama=True)
