"""What all filters of tokens have in the file; ``test_jwt`` has what is wrong with it."""

from __future__ import annotations

from fastgw.config.filters import FILTERS
from fastgw.config.filters.bearer import BearerOptions
from fastgw.config.filters.entry import GENERAL


def test_filters_of_tokens_have_the_same_keys_for_the_same_things() -> None:
    common = [name for name in BearerOptions.model_fields if name not in ("type", *GENERAL)]
    for word in ("jwt", "oauth2_introspection"):
        options = FILTERS[word]
        assert issubclass(options, BearerOptions)
        for name in common:
            assert options.model_fields[name].default == BearerOptions.model_fields[name].default
