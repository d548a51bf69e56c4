"""What is taken out of the errors of a service, and what stays."""

from __future__ import annotations

import json
import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fastgw.wire.redaction import DEPTH_MAX, MARK, WORD_MAX, Redaction

SECRET = "sk-proj-0123456789abcdefWXYZ"
OURS = Redaction(SECRET, ["llm-a.example", "10.9.8.7"])


@pytest.mark.parametrize(
    "text",
    [
        SECRET,
        f"Bearer {SECRET}",
        "sk-proj-********************WXYZ",
        "sk-proj-...WXYZ",
        "sk-proj-…WXYZ",
        "sk-pr***",
        "...WXYZ",
        "0123456789abcdef",
        "a key ending in WXYZ.",
        "Incorrect API key provided: sk-other*********************1234.",
        "the key 'sk-ant-api03-abcdefghijk'",
        "api_key=gsk_abcdefghij0123456789",
        "key=AIzaSyA0123456789abcdefghijklmnop",
        "AKIAIOSFODNN7EXAMPLE",
        "token eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxMjM0In0.abc",
        "in organization org-AbC123dEf456",
        "for project `proj_a1b2c3d4e5f6`",
        "organization 0fd7d3a5-9a60-4f43-8b3e-3c9b6b3d5d3b has been disabled",
        "your account id: 1234567890",
        "user-A1b2C3d4E5 is blocked",
        "arn:aws:bedrock:eu-west-1:123456789012:model/x is not found",
        "https://user:pass@example.com/x",
        "connect to http://vllm-0:8000/v1/chat failed",
        "HTTPConnectionPool(host='10.0.3.17', port=8000)",
        "no route to 192.168.1.4:9000",
        "172.16.0.9 is down",
        "http://[fd00::17]:8000/x",
        "see engine-3.models.svc.cluster.local:8080",
        "https://grafana.corp/d/1",
        "http://localhost:11434/api",
        "upstream llm-a.example:443",
        "https://llm-a.example/v1",
        'File "/home/vllm/engine.py", line 3',
        "/opt/models/llama/config.json is missing",
    ],
)
def test_what_is_not_for_clients_goes(text: str) -> None:
    found = OURS.text(text)
    assert MARK in found, found
    for word in ("WXYZ", "0123456789", "10.", "vllm", "corp", "svc", "localhost", "pass@", "AbC123", "b2c3", "9a60"):
        assert word not in found.replace(MARK, ""), found


@pytest.mark.parametrize(
    "text",
    [
        "This model's maximum context length is 8192 tokens. However, you requested 9000 tokens (1000 in the messages).",
        "Rate limit reached for gpt-4o on tokens per min (TPM): Limit 30000, Used 29000, Requested 2000. Try again in 20ms.",
        "You can find your API key at https://platform.openai.com/account/api-keys.",
        "messages.0.content: field required",
        "max_tokens: 9000 > 8192, which is the maximum",
        "invalid value for 'temperature': expected <= 2, got 3.5",
        "the organization must be verified",
        "organization-wide limits apply to your project and account",
        "at 12:30:45 on 2026-11-28T10:00:00Z",
        "req_011CQtN5xyzAbC",
        "and/or ... etc.",
        "version 1.2.3.4 of gpt-oss-120b",
        "openai/gpt-oss-120b and meta-llama/Llama-3.1-8B",
        "x-api-key header is required",
        "line:42",
    ],
)
def test_what_people_and_sdks_need_stays(text: str) -> None:
    assert OURS.text(text) == text


def test_a_document_keeps_its_shape_and_what_errors_are_told_apart_by() -> None:
    said = {
        "error": {
            "message": f"Incorrect API key provided: {SECRET}",
            "type": "invalid_request_error",
            "param": "user-abc12345x",
            "code": "invalid_api_key",
            "details": ["http://vllm-0:8000", 4, None, True, 1.5],
        }
    }
    found = OURS.value(said)
    assert found["error"]["message"] == f"Incorrect API key provided: {MARK}"
    for key in ("type", "param", "code"):
        assert found["error"][key] == said["error"][key]
    assert found["error"]["details"] == [MARK, 4, None, True, 1.5]
    assert OURS.value({"code": f"x{SECRET}"}) == {"code": f"x{MARK}"}


def test_one_that_is_too_deep_is_not_told() -> None:
    deep = json.loads("[" * DEPTH_MAX + "]" * DEPTH_MAX)
    assert OURS.value(deep) == deep
    with pytest.raises(ValueError, match="deep"):
        OURS.value([[deep]])


def test_without_a_key_there_is_nothing_to_look_for() -> None:
    assert Redaction("").text("nothing here") == "nothing here"
    assert Redaction("").value({"code": "x"}) == {"code": "x"}


def test_a_word_that_nobody_reads_goes() -> None:
    assert OURS.text("a " + "b" * (WORD_MAX + 1) + " c") == f"a {MARK} c"


@given(
    before=st.text(max_size=20),
    after=st.text(max_size=20),
    start=st.integers(0, len(SECRET) - 8),
    size=st.integers(8, len(SECRET)),
)
def test_no_piece_of_the_key_stands_by_itself(before: str, after: str, start: int, size: int) -> None:
    piece = SECRET[start : start + size]
    if len(piece) >= 8:
        assert piece not in OURS.text(f"{before} {piece} {after}")
    assert SECRET not in OURS.text(f"{before}{SECRET}{after}")


@pytest.mark.parametrize("bad", ["a", "a.", "/a", "*", "sk-", "x.", "1.", "a:", "[", "10.", "org-"])
def test_the_work_is_linear(bad: str) -> None:
    def took(size: int) -> float:
        text = bad * (size // len(bad))
        began = time.process_time()
        OURS.text(text)
        return time.process_time() - began

    assert took(64 * 1024) < 0.5
