"""The unmodified packages ``anthropic`` and ``openai``, each in front of a service that speaks the dialect of the other.

One gateway and two services stand for all that is asked here.
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable, Iterator
from typing import Any

import anthropic
import openai
import pydantic
import pytest
import requests

from tests.support.dialect_services import WEATHER, anthropic_messages, openai_chat
from tests.support.gateway import GatewayProcess
from tests.support.upstream import UpstreamServer

pytestmark = pytest.mark.integration

CONFIG = """\
listeners: [{address: "127.0.0.1:$port"}]
admin: {address: "127.0.0.1:$admin"}
workers: 1
routes: [{path: /v1/*, models: true, filters: [used]}, {path: /api/*, models: true}]
services:
  llm: {endpoints: ["127.0.0.1:$one"], dialect: openai, retry: {attempts: 1}}
  claude: {endpoints: ["127.0.0.1:$two"], dialect: anthropic, retry: {attempts: 1}}
models:
  gpt: {service: llm, as: gpt-real}
  claude: {service: claude, as: claude-real, fallback: [gpt], fallback_on: [529]}
filters: {used: {type: usage, path: $log, flush: 10ms}}
"""
SCHEMA = {"type": "object", "properties": {"city": {"type": "string"}, "days": {"type": "integer"}}}


class Weather(pydantic.BaseModel):
    city: str
    days: int


class Behind:
    """A gateway, clients of it, and the services behind it."""

    def __init__(self, running: GatewayProcess, log: Any, llm: UpstreamServer, claude: UpstreamServer) -> None:
        self.url = running.base_url
        self.log = log
        self.llm = llm
        self.claude = claude

    def anthropic(self, **options: Any) -> anthropic.Anthropic:
        return anthropic.Anthropic(**{"base_url": self.url, "api_key": "good", "max_retries": 0, **options})

    def openai(self, **options: Any) -> openai.OpenAI:
        return openai.OpenAI(**{"base_url": f"{self.url}/v1", "api_key": "good", "max_retries": 0, **options})


@pytest.fixture(scope="module")
def behind(
    shared_gateway: Callable[..., GatewayProcess],
    shared_service: Callable[..., UpstreamServer],
    tmp_path_factory: pytest.TempPathFactory,
) -> Iterator[Behind]:
    log = tmp_path_factory.mktemp("dialects") / "usage.jsonl"
    one, two = shared_service(openai_chat), shared_service(anthropic_messages)
    text = CONFIG.replace("$one", str(one.port)).replace("$two", str(two.port)).replace("$log", str(log))
    yield Behind(shared_gateway(text), log, one, two)
    assert not one.errors and not two.errors


def says(text: str, **more: Any) -> dict[str, Any]:
    """What a client of Anthropic asks for."""
    return {"model": "gpt", "max_tokens": 50, "messages": [{"role": "user", "content": text}], **more}


def asks(text: str, **more: Any) -> dict[str, Any]:
    """What a client of OpenAI asks for."""
    return {"model": "claude", "messages": [{"role": "user", "content": text}], **more}


def test_anthropic_messages(behind: Behind) -> None:
    with behind.anthropic() as client:
        answer = client.messages.create(**says("say it again", system="be brief", stop_sequences=["x"]))
        assert (answer.content[0].text, answer.stop_reason, answer.model) == ("say it again", "end_turn", "gpt-real")
        usage = answer.usage
        assert (usage.input_tokens, usage.cache_read_input_tokens, usage.output_tokens) == (4, 8, 3)
        assert answer._request_id
        tools = [{"name": "weather", "description": "tells it", "input_schema": SCHEMA}]
        called = client.messages.create(**says("tool", tools=tools, tool_choice={"type": "any"}))
        assert called.stop_reason == "tool_use" and called.content[0].input == WEATHER
        history = [
            {"role": "user", "content": "tool"},
            {"role": "assistant", "content": [one.to_dict() for one in called.content]},
            {"role": "user", "content": [{"type": "tool_result", "tool_use_id": "call_1", "content": "sunny"}]},
        ]
        assert client.messages.create(**says("", messages=history, tools=tools)).content[0].text == "sunny"
        shape = {"format": {"type": "json_schema", "schema": SCHEMA}}
        made = client.messages.create(**says("as JSON", output_config=shape))
        assert json.loads(made.content[0].text) == WEATHER
        assert client.messages.parse(**says("as JSON"), output_format=Weather).parsed_output == Weather(**WEATHER)


def test_anthropic_streams(behind: Behind) -> None:
    with behind.anthropic() as client:
        with client.messages.stream(**says("one two three")) as stream:
            assert list(stream.text_stream) == ["one", " two", " three"]
            message = stream.get_final_message()
        assert (message.stop_reason, message.usage.output_tokens, message.usage.cache_read_input_tokens) == (
            "end_turn",
            3,
            8,
        )
        with client.messages.stream(**says("tool", tools=[{"name": "weather", "input_schema": SCHEMA}])) as stream:
            called = stream.get_final_message()
        assert called.content[0].input == WEATHER and called.stop_reason == "tool_use"
        for broken in ("fail", "break", "gone"):
            with pytest.raises(anthropic.APIStatusError) as caught, client.messages.stream(**says(broken)) as stream:
                stream.until_done()
            assert caught.value.body["type"] == "error"


def test_anthropic_errors_and_retries(behind: Behind) -> None:
    with behind.anthropic() as client:
        with pytest.raises(anthropic.BadRequestError) as bad:
            client.messages.create(**says("bad"))
        assert bad.value.body["error"] == {"type": "invalid_request_error", "message": "too long"}
        assert bad.value.request_id and bad.value.body["request_id"] == bad.value.request_id
        with pytest.raises(anthropic.RateLimitError):
            client.messages.create(**says("limit"))
        assert client.with_options(max_retries=1).messages.create(**says("limit")).content[0].text == "limit"
        before = len(behind.llm.requests)
        with pytest.raises(anthropic.RateLimitError):
            client.with_options(max_retries=2).messages.create(**says("spent"))
        assert len(behind.llm.requests) == before + 1  # x-should-retry: false, which is obeyed
        with pytest.raises(anthropic.AuthenticationError):
            client.with_options(api_key="wrong").messages.create(**says("x"))
        with pytest.raises(anthropic.NotFoundError) as unknown:
            client.messages.create(**says("x", model="gpu"))
        assert "'gpt'" in str(unknown.value) and unknown.value.request_id
        upload = [{"role": "user", "content": [{"type": "container_upload", "file_id": "f"}]}]
        with pytest.raises(anthropic.BadRequestError, match=r"messages\.0\.content\.0\.type: 'container_upload'"):
            client.messages.create(**says("", messages=upload))
        with pytest.raises(anthropic.NotFoundError, match="nothing like /v1/messages/count_tokens"):
            client.messages.count_tokens(model="gpt", messages=[{"role": "user", "content": "x"}])


def test_openai_chat(behind: Behind) -> None:
    with behind.openai() as client:
        messages = [{"role": "system", "content": "be brief"}, {"role": "user", "content": "say it again"}]
        answer = client.chat.completions.create(**asks("", messages=messages, stop="x", user="me"))
        assert (answer.choices[0].message.content, answer.choices[0].finish_reason) == ("say it again", "stop")
        usage = answer.usage
        assert (usage.prompt_tokens, usage.completion_tokens, usage.prompt_tokens_details.cached_tokens) == (12, 3, 8)
        assert answer._request_id and answer.model == "claude-real"
        tools = [{"type": "function", "function": {"name": "weather", "parameters": SCHEMA}}]
        called = client.chat.completions.create(**asks("tool", tools=tools, tool_choice="required"))
        (call,) = called.choices[0].message.tool_calls
        assert json.loads(call.function.arguments) == WEATHER and called.choices[0].finish_reason == "tool_calls"
        shape = {"type": "json_schema", "json_schema": {"name": "weather", "schema": SCHEMA, "strict": True}}
        made = client.chat.completions.create(**asks("as JSON", response_format=shape))
        assert json.loads(made.choices[0].message.content) == WEATHER
        parsed = client.chat.completions.parse(**asks("as JSON", response_format=Weather))
        assert parsed.choices[0].message.parsed == Weather(**WEATHER)


def test_openai_streams(behind: Behind) -> None:
    with behind.openai() as client:
        with client.chat.completions.create(**asks("one two", stream=True)) as stream:
            chunks = list(stream)
        assert "".join(one.choices[0].delta.content or "" for one in chunks) == "one two"
        assert chunks[-1].choices[0].finish_reason == "stop" and all(one.usage is None for one in chunks)
        counted = asks("one two", stream=True, stream_options={"include_usage": True})
        with client.chat.completions.create(**counted) as stream:
            last = list(stream)[-1]
        assert not last.choices and last.usage.total_tokens == 15
        tools = [{"type": "function", "function": {"name": "weather", "parameters": SCHEMA}}]
        with client.chat.completions.create(**asks("tool", stream=True, tools=tools)) as stream:
            parts = [call for one in stream if one.choices for call in one.choices[0].delta.tool_calls or ()]
        assert parts[0].id == "toolu_1" and parts[0].function.name == "weather"
        assert json.loads("".join(one.function.arguments for one in parts)) == WEATHER
        for broken in ("fail", "break", "gone"):
            with pytest.raises(openai.APIError), client.chat.completions.create(**asks(broken, stream=True)) as stream:
                list(stream)


def test_openai_errors_and_retries(behind: Behind) -> None:
    with behind.openai() as client:
        with pytest.raises(openai.BadRequestError) as bad:
            client.chat.completions.create(**asks("bad"))
        assert (bad.value.type, bad.value.request_id is None) == ("invalid_request_error", False)
        with pytest.raises(openai.RateLimitError) as limited:
            client.chat.completions.create(**asks("limit"))
        assert limited.value.code == "rate_limit_exceeded"
        again = client.with_options(max_retries=1).chat.completions.create(**asks("limit"))
        assert again.choices[0].message.content == "limit"
        before = len(behind.claude.requests)
        with pytest.raises(openai.RateLimitError):
            client.with_options(max_retries=2).chat.completions.create(**asks("spent"))
        assert len(behind.claude.requests) == before + 1  # x-should-retry: false, which is obeyed
        with pytest.raises(openai.AuthenticationError):
            client.with_options(api_key="wrong").chat.completions.create(**asks("x"))
        with pytest.raises(openai.BadRequestError, match="n: has nothing like it") as refused:
            client.chat.completions.create(**asks("x", n=2))
        assert refused.value.code == "untranslatable"
        with pytest.raises(openai.NotFoundError, match="nothing like /v1/embeddings"):
            client.embeddings.create(model="claude", input="x")


STATUSES = {
    400: "BadRequestError",
    401: "AuthenticationError",
    403: "PermissionDeniedError",
    404: "NotFoundError",
    409: "ConflictError",
    422: "UnprocessableEntityError",
    429: "RateLimitError",
    500: "InternalServerError",
    503: "InternalServerError",
}


@pytest.mark.parametrize("model", ["gpt", "claude"])
@pytest.mark.parametrize("sdk", [anthropic, openai], ids=["anthropic", "openai"])
def test_errors_have_their_types_whether_they_are_translated_or_not(behind: Behind, sdk: Any, model: str) -> None:
    def ask(client: Any, text: str, **more: Any) -> Any:
        asked = says(text, model=model, **more)
        return (client.messages if sdk is anthropic else client.chat.completions).create(**asked)

    with behind.anthropic() if sdk is anthropic else behind.openai() as client:
        for status, name in STATUSES.items():
            with pytest.raises(getattr(sdk, name)) as caught:
                ask(client, f"status {status}")
            assert caught.value.status_code == status and caught.value.request_id
            assert "as you like it" in str(caught.value)
            with pytest.raises(getattr(sdk, name)) as streamed:
                ask(client, f"status {status}", stream=True)
            assert streamed.value.request_id
        with pytest.raises(sdk.NotFoundError, match="does not exist here") as unknown:
            ask(client, "x", extra_body={"model": "gpd"})
        assert unknown.value.request_id
        with pytest.raises(sdk.APITimeoutError):
            ask(client.with_options(timeout=0.1), "slow")
        with pytest.raises(
            (sdk.InternalServerError, sdk.APIConnectionError)
        ):  # it breaks off where it passes as it came
            ask(client, "half")
        for broken in ("fail", "gone"):
            with pytest.raises(sdk.APIError), ask(client, broken, stream=True) as stream:
                list(stream)
        assert ask(client.with_options(max_retries=1), "limit")  # which was refused once, and said when to ask again


@pytest.mark.parametrize("model", ["gpt", "claude"])
def test_ollama(behind: Behind, model: str) -> None:
    def ask(text: str, **more: Any) -> requests.Response:
        asked = {"model": model, "messages": [{"role": "user", "content": text}], **more}
        headers = {"authorization": "Bearer good"}
        return requests.post(f"{behind.url}/api/chat", json=asked, headers=headers, timeout=20)

    lines = [json.loads(line) for line in ask("one two").iter_lines()]
    assert [line["message"]["content"] for line in lines] == ["one", " two", ""]
    assert (lines[-1]["done"], lines[-1]["prompt_eval_count"], lines[-1]["eval_count"]) == (True, 12, 3)
    tool = {"type": "function", "function": {"name": "weather", "parameters": SCHEMA}}
    called = ask("tool", stream=False, tools=[tool]).json()
    assert called["message"]["tool_calls"] == [{"function": {"name": "weather", "arguments": WEATHER}}]
    bad = ask("bad")
    assert (bad.status_code, list(bad.json())) == (400, ["error"])


def test_a_model_of_another_dialect_stands_in(behind: Behind) -> None:
    with behind.openai() as client:
        answer = client.chat.completions.with_raw_response.create(**asks("down"))
        assert answer.headers["x-fastgw-fallback"] == "service" and answer.parse().model == "gpt-real"
    with behind.anthropic() as client, client.messages.stream(**says("down", model="claude")) as stream:
        message = stream.get_final_message()
    assert (message.model, message.content[0].text) == ("gpt-real", "down")


def test_asynchronous_clients_and_what_was_metered(behind: Behind) -> None:
    async def story() -> list[str]:
        one = anthropic.AsyncAnthropic(base_url=behind.url, api_key="good", max_retries=0)
        two = openai.AsyncOpenAI(base_url=f"{behind.url}/v1", api_key="good", max_retries=0)
        async with one, two:
            first, second = await asyncio.gather(
                one.messages.create(**says("a b")), two.chat.completions.create(**asks("a b"))
            )
            async with one.messages.stream(**says("last one")) as stream:
                text = await stream.get_final_text()
            for status, name in STATUSES.items():
                with pytest.raises(getattr(anthropic, name)):
                    await one.messages.create(**says(f"status {status}"))
                with pytest.raises(getattr(openai, name)):
                    await two.chat.completions.create(**asks(f"status {status}"))
            with pytest.raises(openai.APITimeoutError):
                await two.with_options(timeout=0.1).chat.completions.create(**asks("slow"))
            with pytest.raises(anthropic.APITimeoutError):
                await one.with_options(timeout=0.1).messages.create(**says("slow"))
        return [first.content[0].text, second.choices[0].message.content or "", text]

    assert asyncio.run(story()) == ["a b", "a b", "last one"]
    # Tokens of either dialect are the same, whichever the client speaks; a stream tells of them at its end.
    lines = [json.loads(line) for line in behind.log.read_text().splitlines()]
    counted = {
        (one["prompt_tokens"], one["cached_tokens"], one["completion_tokens"]) for one in lines if not one["estimated"]
    }
    assert counted == {(12, 8, 3), (0, 0, 0)}
