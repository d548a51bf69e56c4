"""Numbers of tokens: of OpenAI, where those that a cache had are among those of the prompt, and of Anthropic, where they are not."""

from __future__ import annotations

from typing import Any


def number(mapping: Any, key: str) -> int:
    """The number that ``mapping`` has there; 0: none, or no whole one."""
    value = mapping.get(key) if isinstance(mapping, dict) else None
    return value if type(value) is int and value >= 0 else 0


def as_anthropic(usage: Any) -> dict[str, Any]:
    """What OpenAI's ``usage`` says."""
    details = usage.get("prompt_tokens_details") if isinstance(usage, dict) else None
    prompt, cached = number(usage, "prompt_tokens"), number(details, "cached_tokens")
    written = min(number(details, "cache_write_tokens"), max(prompt - cached, 0))
    made: dict[str, Any] = {
        "input_tokens": max(prompt - cached - written, 0),
        "cache_creation_input_tokens": written,
        "cache_read_input_tokens": cached,
        "output_tokens": number(usage, "completion_tokens"),
    }
    reasoning = number(usage.get("completion_tokens_details") if isinstance(usage, dict) else None, "reasoning_tokens")
    return made | ({"output_tokens_details": {"thinking_tokens": reasoning}} if reasoning else {})


def as_openai(usage: Any) -> dict[str, Any]:
    """What Anthropic's ``usage`` says."""
    read, written = number(usage, "cache_read_input_tokens"), number(usage, "cache_creation_input_tokens")
    prompt, completion = number(usage, "input_tokens") + read + written, number(usage, "output_tokens")
    made: dict[str, Any] = {
        "prompt_tokens": prompt,
        "completion_tokens": completion,
        "total_tokens": prompt + completion,
        "prompt_tokens_details": {"cached_tokens": read},
    }
    thinking = number(usage.get("output_tokens_details") if isinstance(usage, dict) else None, "thinking_tokens")
    return made | ({"completion_tokens_details": {"reasoning_tokens": thinking}} if thinking else {})
