"""How many tokens a request may take, as far as that is known before a model has seen it: what is reserved of its limits.

Of the prompt by its bytes.  Of what is generated as much as the request allows (``max_tokens`` and its like, for each of ``n`` choices; of
what else there is ``filters.rare_bounds`` knows).  If it says nothing, it is what answers of its model had of late.  ``reserve: learned``
takes the smaller of both, so a client that always allows much keeps nobody out.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

import orjson

from fastgw.core.models.asked import ODD, AskedModel, text_of
from fastgw.errors import DownstreamError
from fastgw.filters.token_rates import BOTH, COMPLETION_PART, COST_PART, LEARNED, MICRO, PROMPT_PART
from fastgw.filters.usage import is_making
from fastgw.policy.amounts import MOST
from fastgw.policy.learned import Learned
from fastgw.wire.inference import KEYS, MODEL_MAX, OLLAMA, OPENAI, OPERATIONS, operation_of
from fastgw.wire.json_skim import Skim
from fastgw.wire.json_value import AMBIGUOUS, NUMBER, OBJECT, STRING, JsonError
from fastgw.wire.prompt_size import SMALL, text_size

if TYPE_CHECKING:
    from collections.abc import Mapping

    from fastgw.filters.prices import Prices

IMAGE: Final = 1000  #: tokens that one is taken for
FIRST_GUESS: Final = 1000  #: tokens of an answer, before there was any
_MODELS_MAX: Final = 1024  #: of which is known what their answers have
#: Places among ``KEYS``.
_LIMITS: Final = tuple(KEYS.index(one) for one in (b"max_tokens", b"max_completion_tokens", b"max_output_tokens"))
_N: Final = KEYS.index(b"n")
_COMPLETION: Final = "text_completion"
_VALUE_MAX: Final = 4096
_BEGINNINGS: Final = (b"{", b" ", b"\n", b"\r", b"\t")  #: of an object of JSON
_UNKNOWN: Final = OPERATIONS[b"/v1/chat/completions"]._replace(name="")


class Reservation:
    """Of one request."""

    __slots__ = ("asked", "choices", "completion", "cost", "is_stated", "model", "prompt")

    def __init__(
        self, asked: AskedModel, model: str, prompt: int, completion: int, choices: int, is_stated: bool
    ) -> None:
        self.asked = asked  #: what the request asks for
        self.model = model  #: what is learned from its answer is of this one
        self.prompt = prompt  #: tokens
        self.completion = completion
        self.choices = choices  #: answers that are asked for at once
        self.is_stated = is_stated  #: is what is generated as much as the request allows?
        self.cost = 0  #: millionths

    def cost_of(self, prices: Prices, prompt: int, completion: int) -> int:
        """What so many tokens of its model cost, millionths; 0: nobody has said a price."""
        asked = self.asked
        return millionths(prices.cost(asked.sent_as or asked.model, asked.model, prompt, 0, completion))

    @property
    def wants_usage(self) -> bool:
        """Whether the client asks for the usage of its stream."""
        value = self.asked.value(b"stream_options")
        if value is None or value.kind != OBJECT or value.raw is None:
            return False
        try:
            return orjson.loads(value.raw).get("include_usage") is True
        except orjson.JSONDecodeError:  # a number that is too large for one, at which no service will look
            return False

    def of(self, part: int) -> int:
        """How much of it, by one of the numbers above."""
        if part == BOTH:
            return self.prompt + self.completion
        if part == COST_PART:
            return self.cost
        return self.prompt if part == PROMPT_PART else self.completion if part == COMPLETION_PART else 1


class Reserving:
    """What is assumed of requests, and what was learned of answers."""

    __slots__ = ("_assumed", "_bytes_per_token", "_is_learned", "_known")

    def __init__(self, options: Mapping[str, Any]) -> None:
        """``options``: ``reserve``: maximum or learned; ``default_max_tokens``: of answers to requests that say nothing, or None;
        ``bytes_per_token``: of prompts."""
        self._is_learned: bool = options["reserve"] == LEARNED
        self._assumed: int = options["default_max_tokens"] or 0
        self._bytes_per_token: int = options["bytes_per_token"]
        self._known: dict[str, Learned] = {}

    def of(self, asked: AskedModel, path: bytes, parts: list[bytes], prices: Prices | None) -> Reservation:
        """For a request to ``path``, whose body, in ``parts``, says what is ``asked``; ``prices``: None: nothing costs anything.

        Raises:
            DownstreamError: 400, what it allows is no number.
        """
        size, images = 0, 0
        for part in parts:
            size += len(part)
        if size > SMALL:
            size, images = text_size(parts)
        prompt = size // self._bytes_per_token + 1 + images * IMAGE
        model = asked.entry or asked.model
        if is_making(path):
            operation = asked.operation
            if operation.dialect == OLLAMA or operation.name == _COMPLETION:
                from fastgw.filters.rare_bounds import rare_bounds  # which few need

                tokens, best_of, prompts = rare_bounds(b"".join(parts), is_of_ollama=operation.dialect == OLLAMA)
                found = self._generated(asked, model, prompt, tokens, best_of, prompts)
            else:
                found = self._generated(asked, model, prompt, -1, 1, 1)
        else:
            found = Reservation(asked, model, prompt, 0, 1, False)
        if prices is not None:
            found.cost = found.cost_of(prices, found.prompt, found.completion)
        return found

    def learn(self, reserved: Reservation, completion: int) -> None:
        """The answer had so many tokens, all choices together."""
        amount = completion / reserved.choices
        known = self._known.get(reserved.model)
        if known is not None:
            known.learn(amount)
            return
        if len(self._known) >= _MODELS_MAX:
            self._known.clear()  # names that clients invent: those that are used come back
        self._known[reserved.model] = Learned(amount)

    def _generated(
        self, asked: AskedModel, model: str, prompt: int, stated: int, best_of: int, prompts: int
    ) -> Reservation:
        for place in _LIMITS:
            said = _whole(asked, place)
            if said > stated:
                stated = said
        choices = max(_whole(asked, _N), best_of) if asked.operation.dialect == OPENAI else 1
        choices = _of_all(choices, prompts)
        if stated >= 0 and not self._is_learned:
            return Reservation(asked, model, prompt, _of_all(stated, choices), choices, True)
        if self._assumed and not self._is_learned:
            guess = self._assumed
        else:
            known = self._known.get(model)
            guess = known.guess if known is not None else self._assumed or FIRST_GUESS
        if 0 <= stated < guess:
            guess = stated
        return Reservation(asked, model, prompt, _of_all(guess, choices), choices, False)


def _whole(asked: AskedModel, place: int) -> int:
    """What a request says by the key at ``place`` of ``KEYS``; -1: nothing, or that it wants no bound, as a number below 0 does with some
    servers.

    Raises:
        DownstreamError: 400, it is no whole number.  Some servers take ``"50"`` for one: less would be reserved than is executed.
    """
    said = asked.digits(place)
    return min(said, MOST) if said != ODD else _odd(asked, KEYS[place])


def _odd(asked: AskedModel, key: bytes) -> int:
    """The same of what is no digits."""
    found = asked.value(key)
    if found is not None and found.kind == NUMBER and found.raw is not None:
        if found.raw.isdigit():
            return min(int(found.raw), MOST)
        number = float(found.raw)  # 5e1 and 50.0 are whole numbers, too
        if number < 0:
            return -1
        if number >= MOST:
            return MOST
        if number.is_integer():
            return int(number)
    raise DownstreamError(400, "request_misfit", f"{key.decode()} must be a whole number")


def read(path: bytes, parts: list[bytes], known: AskedModel | None = None) -> AskedModel:
    """What a body in ``parts`` asks for, on a route that nobody has read it for; ``known``: what it asked for before filters changed it.

    Raises:
        DownstreamError: 400, it is no JSON, or has two readings: one would be counted, and perhaps the other executed.
    """
    operation = operation_of(path) or _UNKNOWN
    first = next(filter(None, parts), b"")
    if not first.startswith(_BEGINNINGS):
        if known is not None:
            return known
        if not is_making(path):
            return AskedModel(operation, "", "", "")  # a form, or compressed: nothing is known of it but its size
        # Else some servers would read what we do not, UTF-16 or behind a byte order mark.
    skim = Skim(KEYS, 0, _VALUE_MAX)
    try:
        if len(parts) == 1:
            skim.read(first)
        else:
            for part in parts:
                skim.feed(part)
            skim.finish()
    except JsonError as error:
        detail = f"the request body cannot be read: {error}"
        if error.reason == AMBIGUOUS:
            raise DownstreamError(400, "json_ambiguous", detail) from None
        raise DownstreamError(400, "json_malformed", detail) from None
    if known is not None:
        return AskedModel(known.operation, known.model, known.entry, known.sent_as, skim)
    value = skim.value(0)
    is_name = value is not None and value.kind == STRING and value.raw is not None and len(value.raw) <= MODEL_MAX
    name = text_of(value.raw) if is_name else ""  # type: ignore[union-attr, arg-type]
    return AskedModel(operation, name if name.isprintable() else "", "", "", skim)


def _of_all(amount: int, choices: int) -> int:
    """``amount`` for each of ``choices``, of which there is at least one; ``MOST`` at most."""
    return MOST if amount > MOST // choices else amount * choices


def millionths(cost: float | None) -> int:
    """A cost as it is counted, rounded up; of what has no price 0."""
    if not cost:
        return 0
    return min(-int(-cost * MICRO // 1), MOST)
