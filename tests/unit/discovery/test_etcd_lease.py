"""A lease: granted, renewed, lost, ended."""

from __future__ import annotations

from typing import Any

import pytest

from fastgw.discovery.etcd_client import EtcdError
from fastgw.discovery.etcd_lease import EtcdLease
from tests.support.etcd_model import EtcdModel
from tests.support.virtual import passes, run


def lease(model: EtcdModel, number: int = 0) -> EtcdLease:
    return EtcdLease(model, 9.5, number)  # type: ignore[arg-type]


def test_it_lives_as_long_as_it_is_renewed() -> None:
    async def whole() -> None:
        one = lease(model := EtcdModel())
        await one.grant()
        assert one.ttl == 10 and one.number
        for _ in range(3):
            await passes(8)
            assert await one.renew()
        other = lease(model, one.number)  # somebody else goes on with it
        assert await other.renew()
        await passes(11)
        assert not await one.renew()
        assert one.number == 0

    run(whole())


def test_it_ends_once() -> None:
    async def whole() -> None:
        one = lease(model := EtcdModel())
        await one.revoke()
        assert model.asked == []
        await one.grant()
        number = one.number
        await one.revoke()
        await lease(model, number).revoke()  # it is gone already
        assert not await lease(model, number).renew()

    run(whole())


def test_without_an_answer_nobody_knows() -> None:
    async def whole() -> None:
        one = lease(model := EtcdModel())
        await one.grant()
        model.stop()
        with pytest.raises(EtcdError):
            await one.renew()
        assert one.number

    run(whole())


def test_none_is_no_lease() -> None:
    class Odd(EtcdModel):
        async def ask(self, path: str, message: dict[str, Any], at: int | None = None) -> dict[str, Any]:
            return {}

    with pytest.raises(EtcdError, match="granted no lease"):
        run(lease(Odd()).grant())
    with pytest.raises(ValueError, match="less than the 2 s"):
        EtcdLease(EtcdModel(), 1.0)  # type: ignore[arg-type]
