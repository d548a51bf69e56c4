"""What `/status` tells of models."""

from __future__ import annotations

from pathlib import Path

from fastgw.server.model_status import models_document
from tests.unit.config.files import read
from tests.unit.config.test_models import file


def test_each_model_and_where_it_leads(tmp_path: Path) -> None:
    found = models_document(read(tmp_path, file('models: [big, canary, "open/*"]')))
    assert found["big"] == {
        "services": [{"service": "a", "weight": 1, "as": "org/big"}],
        "fallback": ["small", "alias"],
        "routes": ["/v1/*"],
    }
    assert found["canary"]["services"][1] == {"service": "b", "weight": 1, "as": None}
    assert found["small"]["routes"] == [] and found["small"]["fallback"] == []


def test_there_may_be_none(tmp_path: Path) -> None:
    text = file("service: a").partition("models:\n")[0]
    assert models_document(read(tmp_path, text)) == {}
