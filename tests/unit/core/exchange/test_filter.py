"""The interface of a filter names only hooks that a chain looks for."""

from __future__ import annotations

from fastgw.core.exchange import filter as module
from fastgw.core.snapshot.chain import Chain
from tests.support.edge import Spy


def test_every_hook_of_the_interface_is_one_a_chain_finds() -> None:
    hooks = {
        hook
        for one in (module.RequestFilter, module.ResponseFilter, module.DoneFilter)  # those of bodies: test_chain.py
        for hook in vars(one)
        if not hook.startswith("_")
    }
    assert hooks == {"request", "response", "done"}
    chain = Chain([Spy("a", [])])
    assert all(getattr(chain, hook)[-1] for hook in hooks)
    assert isinstance(module.Filter.name, property)
