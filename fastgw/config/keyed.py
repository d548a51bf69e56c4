"""Which keys have counters of their own: those of the files that a chain reads, as they stand when the configuration is loaded."""

from __future__ import annotations

from fastgw.config.chains import named
from fastgw.config.filters.api_key import ApiKeys
from fastgw.config.schema import Configuration


def key_names(config: Configuration, most: int) -> tuple[str, ...]:
    """The first ``most`` names of keys, each once, in the order of the file."""
    files = [config.filters[name] for name in dict.fromkeys(named(config)) if name in config.filters]
    names = dict.fromkeys(key.name for one in files if isinstance(one, ApiKeys) for key in one.known())
    return tuple(names)[:most]
