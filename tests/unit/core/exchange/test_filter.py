"""The interface of a filter names only hooks that a chain looks for."""

from __future__ import annotations

from fastgw.core.exchange import filter as module
from fastgw.core.snapshot.chain import Chain
from fastgw.testing.edge import Spy


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


def test_a_body_hook_that_says_nothing_lets_everything_pass() -> None:
    hook = module.BodyHook()
    assert (hook.feed(b"data"), hook.finish()) == (b"data", b"")
    assert (hook.gather, hook.trailers, hook.trailer_names, hook.vary, hook.is_of_bytes) == (0, (), (), (), False)
