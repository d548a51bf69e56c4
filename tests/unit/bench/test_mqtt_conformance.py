"""What is made of the interoperability cases of Paho."""

from __future__ import annotations

from pathlib import Path

from bench.mqtt.conformance import CONFIG, cases, outcome, told
from tests.unit.config.files import problems

SUITE = """
import unittest

class Test(unittest.TestCase):

  def test_basic(self):
    assert port == 7 and topics[0].endswith("TopicA") and host == "127.0.0.1"

  def test_wrong(self):
    assert False

  def helper(self):
    pass
"""


def test_cases_are_found_run_and_compared(tmp_path: Path) -> None:
    for module in ("client_test5", "client_test"):
        (tmp_path / f"{module}.py").write_text(SUITE)
    found = list(cases(tmp_path, "test_*"))
    assert found == [(one, case) for one in ("client_test5", "client_test") for case in ("test_basic", "test_wrong")]
    assert outcome(tmp_path, "client_test5", "test_basic", 7) == "ok"
    assert outcome(tmp_path, "client_test", "test_basic", 8) == "fails"


def test_what_differs_is_told() -> None:
    alike, other = ("m", "a", "fails", "fails"), ("m", "b", "ok", "hangs")
    assert told([alike, other]) == "2 cases (1 ok, 1 fails), 1 of them differ\nm.b: ok, hangs"


def test_the_gateway_has_a_configuration(tmp_path: Path) -> None:
    assert problems(tmp_path, CONFIG.format(edge=1, broker=2)) == []
