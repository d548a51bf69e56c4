"""A service: it counts the words of a text."""

from dataclasses import dataclass
from typing import Any


class WordCount:
    """``POST {"text": "..."}``: how many words there are, and how often each of the most frequent."""

    name = "word-count"

    @dataclass
    class Settings:
        """What ``settings:`` of the service may say."""

        most: int = 3

    def __init__(self, settings: Settings) -> None:
        self.most = settings.most

    def execute(self, input: dict[str, Any]) -> dict[str, Any]:
        """Answer one request; in a thread, for it is no ``async def``."""
        words = str(input.get("text", "")).lower().split()
        counts = {word: words.count(word) for word in dict.fromkeys(words)}
        frequent = sorted(counts, key=lambda word: -counts[word])[: self.most]
        return {"words": len(words), "most": {word: counts[word] for word in frequent}}
