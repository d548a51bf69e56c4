"""What the answers of model servers say of the tokens that they took: in JSON, in the dialects of OpenAI, Anthropic and Ollama.

    OpenAI      usage {prompt_tokens, completion_tokens, *_details} of an answer and of the last chunk of a stream
    Responses   usage {input_tokens, output_tokens, *_details} of an answer; of a stream that of ``response`` in the last event
    Anthropic   usage {input_tokens, cache_read_input_tokens, cache_creation_input_tokens, output_tokens, output_tokens_details} of an
                answer; of a stream that of ``message`` in ``message_start``, and later ones, which count from the beginning
    Ollama      prompt_eval_count, eval_count of an answer and of the last line of a stream

Nobody need say which dialect it is: no two of them mean another thing by the same key.  A prompt has all of its tokens, those that a cache
had included, which Anthropic tells apart.  What is said again is the larger number, as each of them counts what there was until then.
"""

from __future__ import annotations

import re
from typing import Any, Final

import orjson

NOT_TOLD: Final = -1
ABSENT: Final = -2  #: where it matters that the key is not there at all
_MOST: Final = 1 << 40  #: tokens of one answer; a larger number says nothing
_MODEL_MAX: Final = 256  #: characters of a name
_NESTED: Final = ("message", "response", "x_groq")  #: keys of an event with what an answer has at its top
_KEY: Final = b'"usage"'
_MODEL: Final = re.compile(rb'"model"\s*:\s*"([^"\\]{1,256})"')
_DEPTH_MAX: Final = (
    16  #: of what an event brings; text stands four deep in calls of tools, and nobody reads what is deeper
)
_OBJECT_MAX: Final = 4096  #: bytes of an object of usage in an answer that is not read whole


class TokenCounts:
    """What a service has told of one answer; ``NOT_TOLD`` where it has said nothing."""

    __slots__ = ("_apart", "_input", "cached", "completion", "model", "prompt", "reasoning")

    def __init__(self) -> None:
        self._input = NOT_TOLD
        self._apart = 0  # tokens of the prompt that are not among that: Anthropic's, of caches
        self.prompt = NOT_TOLD  #: all tokens of the prompt
        self.cached = NOT_TOLD  #: those of them that a cache had
        self.completion = NOT_TOLD  #: tokens that were generated, those of reasoning included
        self.reasoning = NOT_TOLD
        self.model = ""  #: that has answered; empty: not told

    def learn(self, said: Any) -> None:
        """``said``: an answer, or one event of it, as it was read from JSON; whatever it is."""
        if not isinstance(said, dict):
            return
        self._take_model(said.get("model"))
        for key in _NESTED:
            inner = said.get(key)
            if isinstance(inner, dict):
                self._take_model(inner.get("model"))
                self._take_usage(inner.get("usage"), is_begun=said.get("type") == "message_start")
        self._take_usage(said.get("usage"))
        self._take_evaluated(_number(said, "prompt_eval_count"), _number(said, "eval_count"))

    def _take_model(self, name: Any) -> None:
        if not self.model and isinstance(name, str) and name.isprintable():
            self.model = name[:_MODEL_MAX]

    def take(
        self,
        model: str,
        prompt: int,
        read_in: int,
        completion: int,
        output: int,
        total: int,
        cache_read: int,
        cache_written: int,
        cache_hit: int,
        cached: int,
        reasoning: int,
        prompt_evaluated: int,
        evaluated: int,
    ) -> None:
        """The same of what ``glance.tell_used`` has seen of an answer: its model, which can be printed, the numbers of ``usage``, of which
        ``prompt`` is ``ABSENT`` if there is no such key, and those of Ollama."""
        if not self.model:
            self.model = model[:_MODEL_MAX]
        self._take_numbers(
            prompt,
            read_in,
            completion,
            output,
            total,
            cache_read,
            cache_written,
            cache_hit,
            cached,
            reasoning,
            False,
        )
        self._take_evaluated(prompt_evaluated, evaluated)

    def _take_evaluated(self, prompt: int, completion: int) -> None:
        """What Ollama tells; and the sum of all that was told of the prompt."""
        self._input = max(self._input, prompt)
        self.completion = max(self.completion, completion)
        self.prompt = NOT_TOLD if self._input == NOT_TOLD else self._input + self._apart

    def _take_usage(self, usage: Any, *, is_begun: bool = False) -> None:
        """``is_begun``: this is said at the beginning, so that what was generated until then says nothing."""
        if not isinstance(usage, dict):
            return
        of_prompt = usage.get("prompt_tokens_details") or usage.get("input_tokens_details")
        made = usage.get("completion_tokens_details") or usage.get("output_tokens_details")
        self._take_numbers(
            _number(usage, "prompt_tokens") if "prompt_tokens" in usage else ABSENT,
            _number(usage, "input_tokens"),
            _number(usage, "completion_tokens"),
            _number(usage, "output_tokens"),
            _number(usage, "total_tokens"),
            _number(usage, "cache_read_input_tokens"),
            _number(usage, "cache_creation_input_tokens"),
            _number(usage, "prompt_cache_hit_tokens"),
            _number(of_prompt, "cached_tokens"),
            max(_number(made, "reasoning_tokens"), _number(made, "thinking_tokens")),
            is_begun,
        )

    def _take_numbers(
        self,
        prompt: int,
        read_in: int,
        completion: int,
        output: int,
        total: int,
        cache_read: int,
        cache_written: int,
        cache_hit: int,
        cached: int,
        reasoning: int,
        is_begun: bool,
    ) -> None:
        told = max(prompt, read_in, NOT_TOLD)
        made = max(completion, output)
        if total != NOT_TOLD:
            if told == NOT_TOLD:
                told = max(0, total - max(made, 0))
            made = max(made, 0, total - told if made == NOT_TOLD else 0)
        if not is_begun:
            self.completion = max(self.completion, made)
        if prompt == ABSENT:
            self._apart = max(self._apart, max(cache_read, 0) + max(cache_written, 0))
        self._input = max(self._input, told)
        self.cached = max(self.cached, cache_read, cache_hit, cached)
        self.reasoning = max(self.reasoning, reasoning)


def content_size(said: Any) -> int:
    """Bytes of what was generated that an event brings, text, reasoning and calls of tools; 0: none, as in the first of most streams."""
    if not isinstance(said, dict):
        return 0
    choices = said.get("choices")
    if isinstance(choices, list):
        return sum([_size_of_choice(one) for one in choices])
    kind = said.get("type")
    if isinstance(kind, str):
        if kind == "content_block_delta":
            return _size(said.get("delta"))
        return _size(said.get("delta")) if kind.endswith(".delta") else 0
    return _size(said.get("response")) + _size(said.get("message"))


def read_ends(told: TokenCounts, head: bytes, tail: bytes) -> None:
    """Learn from the first and the last bytes of an answer that is too large to be read: of its usage, which stands in one of them, and of
    its model."""
    for part in (tail, head):
        at = part.rfind(_KEY)
        begin = part.find(b"{", at, at + 32) if at >= 0 else -1
        usage = _object_at(part, begin) if begin >= 0 else None
        if usage is not None:
            told.learn({"usage": usage})
            break
    model = _MODEL.search(head) or _MODEL.search(tail)
    if model is not None:
        told.learn({"model": model[1].decode("utf-8", "replace")})


def _object_at(data: bytes, begin: int) -> Any:
    """The object of JSON that begins there; None: it is none, or its end is not near."""
    depth = 0
    for at in range(begin, min(len(data), begin + _OBJECT_MAX)):
        depth += (data[at] == 123) - (data[at] == 125)
        if not depth:
            try:
                return orjson.loads(data[begin : at + 1])
            except orjson.JSONDecodeError:
                return None
    return None


def _size_of_choice(choice: Any) -> int:
    if not isinstance(choice, dict):
        return 0
    return _size(choice.get("delta")) + _size(choice.get("text"))


def _size(part: Any, depth: int = _DEPTH_MAX) -> int:
    """Bytes of the text in ``part``, but for words that say what it is."""
    if isinstance(part, str):
        return len(part.encode("utf-8", "replace"))
    if not depth:
        return 0
    if isinstance(part, dict):
        names = ("role", "type", "id", "index")
        return sum([_size(value, depth - 1) for key, value in part.items() if key not in names])
    return sum([_size(value, depth - 1) for value in part]) if isinstance(part, list) else 0


def _number(mapping: Any, key: str) -> int:
    value = mapping.get(key) if isinstance(mapping, dict) else None
    return value if type(value) is int and 0 <= value < _MOST else NOT_TOLD
