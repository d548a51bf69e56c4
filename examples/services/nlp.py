"""``POST /nlp/embed``, ``POST /nlp/classify`` and ``/llm/stream``: text, with models small enough to train at start.

- The embedding of a text is a bag of its words and of the n-grams of their letters, each weighted by how rare it is in
  the examples, hashed to one of 512 places with a sign, and scaled to length 1: texts that share words, or parts of
  words, come out close.
- The classifier knows ``data/intents.tsv``: one centroid per label; a text belongs to the nearest one.
- The stream is a chain that knows which word follows which in the same file.  It writes no poetry, but it sends real
  events at a pace one can set and measure: each carries the time at which it was written.

Text arrives as ``text/plain`` or as JSON ``{"text": "..."}``.
"""

from __future__ import annotations

import json
import math
import random
import re
import time
import zlib
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any

from _http import Answer, Call, Function, Problem, arguments, duration, json_answer, run, whole

INTENTS = Path(__file__).with_name("data") / "intents.tsv"
MOST_BYTES = 256 * 1024  #: of the request body
MOST_PACE, MOST_TOKENS = 10.0, 100_000
WORD = re.compile(r"\w+")
VARIANTS = {"stable": (3,), "canary": (3, 4)}  #: lengths of the letter n-grams
END = ""  #: what follows the last word of a sentence

Vector = list[float]


class Model:
    """An embedding, and the centroids of the labelled examples in it."""

    def __init__(self, examples: Sequence[tuple[str, str]], *, lengths: tuple[int, ...], size: int = 512) -> None:
        self.lengths = lengths
        self.size = size
        seen = Counter(feature for _, text in examples for feature in set(self.features(text)))
        self.rarity = {feature: math.log(1 + len(examples) / count) for feature, count in seen.items()}
        self.unseen = math.log(1 + len(examples))
        groups: dict[str, list[Vector]] = {}
        for label, text in examples:
            groups.setdefault(label, []).append(self.embed(text))
        self.centroids = {
            label: unit([sum(axis) for axis in zip(*group, strict=True)]) for label, group in groups.items()
        }

    def features(self, text: str) -> Iterator[str]:
        """The words of a text and the n-grams of their letters; "^" and "$" are the ends of a word."""
        for word in WORD.findall(text.lower()):
            yield word
            edged = f"^{word}$"
            for length in self.lengths:
                for start in range(len(edged) - length + 1):
                    yield edged[start : start + length]

    def embed(self, text: str) -> Vector:
        """The vector of a text, of length 1; all zeros if the text has no word."""
        vector = [0.0] * self.size
        for feature, count in Counter(self.features(text)).items():
            code = zlib.crc32(feature.encode())  # not hash(): it must be the same in every process
            weight = math.sqrt(count) * self.rarity.get(feature, self.unseen)
            vector[(code >> 1) % self.size] += weight if code & 1 else -weight
        return unit(vector)

    def classify(self, text: str) -> dict[str, float]:
        """Each label with its share of belief, best first; the shares sum to 1."""
        vector = self.embed(text)
        near = {label: sum(map(float.__mul__, vector, centroid)) for label, centroid in self.centroids.items()}
        belief = {label: math.exp(12.0 * cosine) for label, cosine in near.items()}
        total = sum(belief.values())
        return {label: belief[label] / total for label in sorted(belief, key=lambda label: -belief[label])}


class Chain:
    """Which word follows which, as often as in the sentences given."""

    def __init__(self, sentences: Iterable[str]) -> None:
        self.next: dict[str, list[str]] = {END: []}
        for sentence in sentences:
            last = END
            for word in WORD.findall(sentence.lower()):
                self.next.setdefault(last, []).append(word)
                last = word
            self.next.setdefault(last, []).append(END)

    def words(self, count: int, seed: int, start: str = END) -> Iterator[str]:
        """``count`` words, the same for the same seed; after the end of a sentence the next one begins."""
        choose = random.Random(seed).choice
        last = start if start in self.next else END
        for _ in range(count):
            last = choose(self.next[last]) or choose(self.next[END])
            yield last


def unit(vector: Vector) -> Vector:
    """The vector scaled to length 1; zeros stay zeros."""
    length = math.sqrt(sum(value * value for value in vector))
    return [value / length for value in vector] if length else vector


def read_examples(path: Path = INTENTS) -> list[tuple[str, str]]:
    """(label, text) for each line of a tab-separated file."""
    lines = path.read_text(encoding="utf-8").splitlines()
    return [(label, text) for label, _, text in (line.partition("\t") for line in lines if line)]


def text_of(call: Call) -> str:
    """The text of a request; raises ``Problem(400)``."""
    text: Any
    if call.content_type == "application/json":
        text = call.json(MOST_BYTES).get("text")
    else:
        text = call.body.all(MOST_BYTES).decode("utf-8", "replace")
    if not isinstance(text, str) or not WORD.search(text):
        raise Problem(400, 'send some text, as text/plain or as {"text": "..."}')
    return text


def events(words: Iterable[str], pace: float, model: str) -> Iterator[bytes]:
    """Server-sent events, one for each word, ``pace`` seconds apart (a late one does not delay the next)."""
    start, count = time.monotonic(), 0
    for count, word in enumerate(words, 1):
        wait = start + (count - 1) * pace - time.monotonic()
        if wait > 0:
            time.sleep(wait)
        data = {"index": count - 1, "token": word, "model": model, "time": round(time.time(), 6)}
        yield f"id: {count - 1}\ndata: {json.dumps(data, ensure_ascii=False)}\n\n".encode()
    yield f'event: done\ndata: {{"tokens": {count}}}\n\n'.encode()


class Language:
    """The three functions of this service over one model."""

    def __init__(self, variant: str, examples: list[tuple[str, str]]) -> None:
        self.name = f"ngram-{variant}"
        self.model = Model(examples, lengths=VARIANTS[variant])
        self.chain = Chain(text for _, text in examples)

    def embed(self, call: Call) -> Answer:
        """The vector of the text."""
        vector = [round(value, 6) for value in self.model.embed(text_of(call))]
        return json_answer({"model": self.name, "dimensions": len(vector), "embedding": vector})

    def classify(self, call: Call) -> Answer:
        """The label of the text, and how sure."""
        scores = {label: round(share, 4) for label, share in self.model.classify(text_of(call)).items()}
        label = next(iter(scores))
        return json_answer({"model": self.name, "label": label, "score": scores[label], "scores": scores})

    def stream(self, call: Call) -> Answer:
        """Words as server-sent events; ``prompt``, ``pace``, ``tokens``, ``seed`` of the query or of JSON."""
        wanted = call.query if call.method != "POST" else call.json(MOST_BYTES)
        options = {"prompt": "", "pace": "50ms", "tokens": "40", "seed": "1"} | {k: str(v) for k, v in wanted.items()}
        pace = duration(options["pace"], "pace", MOST_PACE)
        count = whole(options["tokens"], "tokens", 1, MOST_TOKENS)
        seed = whole(options["seed"], "seed", 0, 2**63 - 1)
        start = (WORD.findall(options["prompt"].lower()) or [END])[-1]
        words = self.chain.words(count, seed, start)
        return Answer(events(words, pace, self.name), "text/event-stream", headers=(("cache-control", "no-store"),))

    def routes(self) -> dict[tuple[str, str], Function]:
        """The table of the service."""
        return {
            ("POST", "/nlp/embed"): self.embed,
            ("POST", "/nlp/classify"): self.classify,
            ("GET", "/llm/stream"): self.stream,
            ("POST", "/llm/stream"): self.stream,
        }


def main() -> None:
    """The command line."""
    parser = arguments("nlp", "Embeddings, intents, and a stream of words.")
    parser.add_argument("--variant", choices=sorted(VARIANTS), default="stable", help="which model (%(default)s)")
    options = parser.parse_args()
    run("nlp", options, Language(options.variant, read_examples()).routes())


if __name__ == "__main__":
    main()
