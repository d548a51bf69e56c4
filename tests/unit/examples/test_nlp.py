"""examples/services/nlp.py: text in, vectors, labels and streams out."""

from __future__ import annotations

import json
import math
from email.message import Message
from io import BytesIO
from itertools import pairwise
from pathlib import Path

import nlp
import pytest
from _http import Body, Call, Problem

EXAMPLES = nlp.read_examples()


def call(body: bytes, content_type: str = "", method: str = "POST", query: dict[str, str] | None = None) -> Call:
    headers = Message()
    headers["content-type"] = content_type
    headers["content-length"] = str(len(body))
    return Call(method, "/", query or {}, headers, Body(BytesIO(body), headers, None))


def body_of(answer: nlp.Answer) -> bytes:
    return answer.body if isinstance(answer.body, bytes) else b"".join(answer.body)


def similarity(model: nlp.Model, one: str, other: str) -> float:
    return sum(map(float.__mul__, model.embed(one), model.embed(other)))


@pytest.fixture(scope="module", params=sorted(nlp.VARIANTS))
def language(request: pytest.FixtureRequest) -> nlp.Language:
    return nlp.Language(request.param, EXAMPLES)


def test_the_examples_have_six_labels_of_many_lines() -> None:
    labels = [label for label, _ in EXAMPLES]
    assert len(set(labels)) == 6
    assert min(map(labels.count, labels)) >= 12
    assert all(text.strip() for _, text in EXAMPLES)


def test_embeddings_have_length_one_and_near_texts_are_near(language: nlp.Language) -> None:
    model = language.model
    assert math.hypot(*model.embed("Turn on the lights")) == pytest.approx(1)
    assert model.embed("Turn on the LIGHTS!") == model.embed("turn on the lights")
    near = similarity(model, "switch the kitchen light on", "kitchen lights on please")
    far = similarity(model, "switch the kitchen light on", "will it rain in Lisbon")
    assert near > far + 0.2
    assert not any(model.embed("?!"))


def test_an_embedding_is_the_same_in_every_process() -> None:
    """The hash must not depend on the seed of this interpreter."""
    vector = nlp.Model([("a", "x")], lengths=(3,), size=8).embed("ab")
    assert [round(value, 3) for value in vector] == [0.577, 0, 0, 0, 0, -0.577, 0.577, 0]


@pytest.mark.parametrize(
    ("text", "label"),
    [
        ("could you make it brighter with the lamp in here", "lights"),
        ("the heating should be lower at night", "heating"),
        ("play a song by that jazz band", "music"),
        ("do you think it will rain at the weekend", "weather"),
        ("an alarm at eight in the morning please", "timer"),
        ("we need milk, put it on the shopping list", "shopping"),
    ],
)
def test_new_sentences_get_the_right_label(language: nlp.Language, text: str, label: str) -> None:
    scores = language.model.classify(text)
    assert next(iter(scores)) == label
    assert sum(scores.values()) == pytest.approx(1)
    assert list(scores.values()) == sorted(scores.values(), reverse=True)


def test_each_sentence_left_out_in_turn_is_mostly_recognised() -> None:
    """Six labels: chance is a sixth."""
    right = 0
    for index, (label, text) in enumerate(EXAMPLES):
        model = nlp.Model(EXAMPLES[:index] + EXAMPLES[index + 1 :], lengths=nlp.VARIANTS["stable"])
        right += next(iter(model.classify(text))) == label
    assert right / len(EXAMPLES) > 0.65


def test_the_sample_asks_for_heat(language: nlp.Language, samples: Path) -> None:
    text = (samples / "request.txt").read_bytes()
    result = json.loads(body_of(language.classify(call(text, "text/plain"))))
    assert result["label"] == "heating"
    assert result["score"] == result["scores"]["heating"] > 0.5
    assert result["model"] == language.name


def test_embed_answers_with_the_whole_vector(language: nlp.Language) -> None:
    result = json.loads(body_of(language.embed(call(b'{"text": "gr\xc3\xbcn"}', "application/json"))))
    assert result["dimensions"] == len(result["embedding"]) == 512
    assert math.hypot(*result["embedding"]) == pytest.approx(1, abs=1e-4)


@pytest.mark.parametrize(
    ("body", "content_type"),
    [
        (b"", "text/plain"),
        (b" ?! ", ""),
        (b"{}", "application/json"),
        (b'{"text": 1}', "application/json"),
        (b'{"text": "', "application/json"),
        (b'"text"', "application/json"),
    ],
)
def test_no_text_is_refused(language: nlp.Language, body: bytes, content_type: str) -> None:
    with pytest.raises(Problem) as caught:
        language.classify(call(body, content_type))
    assert caught.value.status == 400


def test_too_much_text_is_refused(language: nlp.Language) -> None:
    with pytest.raises(Problem) as caught:
        language.embed(call(b"a" * (nlp.MOST_BYTES + 1), "text/plain"))
    assert caught.value.status == 413


def test_the_chain_says_only_what_it_has_read_and_repeats_itself_for_a_seed() -> None:
    chain = nlp.Chain(["a b c", "a d"])
    words = list(chain.words(200, seed=4))
    assert words == list(chain.words(200, seed=4))
    assert words != list(chain.words(200, seed=5))
    assert set(pairwise(words)) == {
        ("a", "b"),
        ("b", "c"),
        ("c", "a"),
        ("a", "d"),
        ("d", "a"),
    }
    assert next(chain.words(1, seed=1, start="b")) == "c"
    assert next(chain.words(1, seed=1, start="unknown")) == "a"


def test_a_stream_is_one_event_a_token_and_a_last_one(language: nlp.Language) -> None:
    answer = language.stream(call(b"", method="GET", query={"tokens": "3", "pace": "0"}))
    assert answer.content_type == "text/event-stream"
    assert not isinstance(answer.body, bytes)
    *tokens, last = list(answer.body)
    assert all(event.endswith(b"\n\n") for event in (*tokens, last))
    events = [json.loads(event.split(b"data: ")[1]) for event in tokens]
    assert [event["index"] for event in events] == [0, 1, 2]
    assert all(event["model"] == language.name and event["token"] for event in events)
    assert last == b'event: done\ndata: {"tokens": 3}\n\n'


def test_a_stream_keeps_its_pace(monkeypatch: pytest.MonkeyPatch) -> None:
    """Late events do not delay those after them: the clock of the stream is absolute."""
    now, slept = [100.0], []

    def sleep(seconds: float) -> None:
        slept.append(round(seconds, 6))
        now[0] += seconds

    monkeypatch.setattr(nlp.time, "monotonic", lambda: now[0])
    monkeypatch.setattr(nlp.time, "sleep", sleep)
    for index, _ in enumerate(nlp.events(["a", "b", "c", "d"], 0.05, "m")):
        now[0] += 0.07 if index == 1 else 0.01  # what the reader takes
    assert slept == [0.04, 0.02]


def test_a_post_has_its_options_in_json(language: nlp.Language) -> None:
    answer = language.stream(call(b'{"prompt": "play some", "tokens": 2, "pace": "0s"}', "application/json"))
    first = next(iter(answer.body))
    assert isinstance(first, bytes)
    assert json.loads(first.split(b"data: ")[1])["token"] in language.chain.next["some"]


@pytest.mark.parametrize(
    "query",
    [
        {"pace": "-1s"},
        {"pace": "11s"},
        {"pace": "x"},
        {"pace": "nan"},
        {"tokens": "0"},
        {"tokens": "1e3"},
        {"seed": "x"},
    ],
)
def test_options_out_of_range_are_refused(language: nlp.Language, query: dict[str, str]) -> None:
    with pytest.raises(Problem) as caught:
        language.stream(call(b"", method="GET", query=query))
    assert caught.value.status == 400
