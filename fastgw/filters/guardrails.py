"""``guardrails``: what a request to a model server may ask for: how many tokens, which parameters, which images, which words.

A body is held until all of it is here, and skimmed; a number is changed by splicing, so all other bytes stay as they are.  Where there are
rules about parameters, images or phrases it is read into objects too: an escape may stand for any letter.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, Final

from fastgw.core.exchange.filter import GatheredHook
from fastgw.core.guardrail_counters import (
    CHOICES,
    CLAMPED,
    GUARDED,
    IMAGES,
    PARAMETERS,
    PHRASES,
    SET,
    TOKENS,
)
from fastgw.errors import DownstreamError
from fastgw.filters.guarded_parts import ImageRules, Refused, parts
from fastgw.filters.skimmed import document_of
from fastgw.wire.inference import OLLAMA, operation_of
from fastgw.wire.json_skim import Skim
from fastgw.wire.json_value import AMBIGUOUS, NULL, NUMBER, OBJECT, JsonError, JsonValue
from fastgw.wire.multipart_skim import is_form

if TYPE_CHECKING:
    from fastgw.core.exchange.ends import Exchange

NOTE: Final = "guardrails"  #: the note that has the name of the set that a key is for
_TOKENS: Final = (
    *(b"max_tokens", b"max_completion_tokens", b"max_output_tokens"),
    *(b"max_tokens_to_sample", b"n_predict"),
)  #: by which clients bound what is generated: of OpenAI, of Anthropic (the last but one, formerly), of llama.cpp
_CHOICES: Final = (b"n", b"best_of")
_CONTENT: Final = (b"messages", b"prompt", b"input", b"system")  #: of which nobody may have two readings
_OPTIONS: Final = b"options"  #: of Ollama
_PREDICT: Final = b"num_predict"  #: the bound in them
_KEYS: Final = (*_TOKENS, *_CHOICES, _OPTIONS, *_CONTENT)
_GENERATES: Final = ("chat", "text_completion")
_VALUE_MAX: Final = 4096  #: bytes of a value that is looked at
_HYPHEN: Final = b"-"  #: how forms begin, and no JSON
_NAME_MAX: Final = 64  #: letters of a name that an error tells

Spliced = tuple[int, int, bytes]  #: from where, to where, and what comes there


class Guardrails:
    """The filter."""

    __slots__ = ("_by_label", "_max_bytes", "_own", "_sets", "name")

    is_binding = True  #: no client gets past it by a field that says how its body is to be treated

    def __init__(self, name: str, options: Mapping[str, Any]) -> None:
        """``options``: those of ``GuardRules``; ``sets``: such by names, pairs; ``by_label``, a label whose value is such a name, or empty;
        ``max_body``, bytes that are held."""
        self.name = name
        self._own = GuardRules(options)
        self._sets = {one: GuardRules(dict(rules)) for one, rules in options["sets"]}
        self._by_label: str = options["by_label"]
        self._max_bytes: int = options["max_body"]

    def transform_request(self, exchange: Exchange) -> GatheredHook | None:
        """Look at what has a body, but for forms.

        Raises:
            DownstreamError: 415, it cannot be read; 403, its key has rules that are not known here.
        """
        rules = self._own if exchange.notes is None else self._rules(exchange)
        coding = exchange.request.header(b"content-encoding")
        if coding is not None and coding.lower() != b"identity":
            detail = f"a body with the content-encoding {coding.decode('latin-1')!r} cannot be read here"
            raise DownstreamError(415, "body_type_refused", detail)
        return _Guarding(rules, exchange, self._max_bytes)

    def _rules(self, exchange: Exchange) -> GuardRules:
        """Those for whoever asks: of the set that its key names, or else its label, or the filter's own."""
        notes: Mapping[str, Any] = exchange.notes or {}
        name = notes.get(NOTE)
        if name is None:
            found = self._sets.get(notes.get("labels", {}).get(self._by_label)) if self._by_label else None
            return found or self._own
        found = self._sets.get(name)
        if found is None:
            detail = "this key is for other rules than there are here"
            reason = f"{detail}: the filter {self.name!r} has no set {name!r}"
            raise DownstreamError(403, "key_not_allowed", detail, reason=reason)
        return found


class GuardRules:
    """What requests may ask for."""

    __slots__ = ("_allow", "_choices", "_default", "_images", "_max", "_phrases", "_refuse", "_refuses_tokens")

    def __init__(self, options: Mapping[str, Any]) -> None:
        """``options``: ``max_tokens``, ``default_tokens`` and ``max_choices``, 0: none; ``over_tokens``: ``clamp`` or ``refuse``;
        ``parameters`` and ``refuse_parameters``, names; ``images``, of which ``guarded_parts`` knows, or None; ``phrases``."""
        self._max: int = options["max_tokens"]
        self._default: int = options["default_tokens"]
        self._refuses_tokens: bool = options["over_tokens"] == "refuse"
        self._choices: int = options["max_choices"]
        self._allow = frozenset(options["parameters"])
        self._refuse = frozenset(one.casefold() for one in options["refuse_parameters"])
        self._images = None if options["images"] is None else ImageRules(dict(options["images"]))
        self._phrases: tuple[str, ...] = tuple(one.casefold() for one in options["phrases"])

    def guarded(self, exchange: Exchange, data: bytes) -> bytes:
        """``data``, the whole body of a request, as it may go on.

        Raises:
            DownstreamError: 400, it may not.
        """
        if not data or (data.startswith(_HYPHEN) and is_form(exchange.request.header(b"content-type") or b"")):
            return data
        skim = Skim(_KEYS, 0, _VALUE_MAX)
        try:
            skim.feed(data)
            skim.finish()
            splices = self._tokens(exchange, dict(zip(_KEYS, skim.found, strict=True)), data)
        except JsonError as error:
            detail = f"the request body cannot be read: {error}"
            if error.reason == AMBIGUOUS:
                raise DownstreamError(400, "json_ambiguous", detail) from None
            raise DownstreamError(400, "json_malformed", detail) from None
        except Refused as refused:
            raise _refusal(exchange, TOKENS, refused) from None
        self._number_of_choices(exchange, skim.found)
        if self._allow or self._refuse or self._images is not None or self._phrases:
            self._look(exchange, document_of(data))
        for start, stop, value in sorted(splices, reverse=True):
            data = b"".join((data[:start], value, data[stop:]))
        return data

    # --- numbers

    def _tokens(self, exchange: Exchange, found: Mapping[bytes, JsonValue | None], data: bytes) -> list[Spliced]:
        if not self._max and not self._default:
            return []
        given = [(key, found[key], 0) for key in _TOKENS]
        options = found[_OPTIONS]
        if options is not None and options.kind == OBJECT:
            given.append((_PREDICT, _inner(options), options.start))
        splices: list[Spliced] = []
        empty: Spliced | None = None
        is_given = False
        for key, value, start in given:
            if value is None:
                continue
            if value.kind == NULL:
                empty = (start + value.start, start + value.stop, b"%d" % self._default)
                continue
            is_given = True
            if self._max and _is_over(key, value, self._max):
                if self._refuses_tokens:
                    raise Refused(key.decode(), f"must not be more than {self._max} here")
                splices.append((start + value.start, start + value.stop, b"%d" % self._max))
        if splices:
            _count(exchange, CLAMPED)
        if self._default and not is_given:
            operation = operation_of(exchange.request.matched_path)
            if operation is not None and operation.name in _GENERATES:
                _count(exchange, SET)
                is_of_ollama = operation.dialect == OLLAMA
                splices.append(empty or self._put_in(data, options, exchange.request.matched_path, is_of_ollama))
        return splices

    def _put_in(self, data: bytes, options: JsonValue | None, path: bytes, is_of_ollama: bool) -> Spliced:
        """What says the number where a body says none."""
        if not is_of_ollama:
            key = b"max_output_tokens" if path.endswith(b"/responses") else b"max_tokens"
            return _member(data, data.index(b"{") + 1, b'"%b":%d' % (key, self._default))
        member = b'"num_predict":%d' % self._default
        if options is None:
            return _member(data, data.index(b"{") + 1, b'"options":{%b}' % member)
        if options.kind == OBJECT:
            return _member(data, options.start + 1, member)
        return options.start, options.stop, b"{%b}" % member

    def _number_of_choices(self, exchange: Exchange, found: Sequence[JsonValue | None]) -> None:
        if self._choices:
            for key in _CHOICES:
                value = found[_KEYS.index(key)]
                try:
                    if value is not None and value.kind != NULL and _is_over(key, value, self._choices):
                        raise Refused(key.decode(), f"must not be more than {self._choices} here")
                except Refused as refused:
                    raise _refusal(exchange, CHOICES, refused) from None

    # --- what it says

    def _look(self, exchange: Exchange, document: dict[str, Any]) -> None:
        for key in document if self._allow or self._refuse else ():
            if (self._allow and key not in self._allow) or key.casefold() in self._refuse:
                raise _refusal(exchange, PARAMETERS, Refused(key, "is no parameter that is allowed here"))
        if self._images is None and not self._phrases:
            return
        images = 0
        is_image = False
        try:
            for place, value, is_image in parts(document):
                if not is_image:
                    self._read(place, value)
                elif self._images is not None:
                    images += 1
                    self._images.check(place, value, images)
        except Refused as refused:
            raise _refusal(exchange, IMAGES if is_image else PHRASES, refused) from None

    def _read(self, place: Any, text: str) -> None:
        if self._phrases:
            folded = text.casefold()
            for one in self._phrases:
                if one in folded:
                    raise Refused(place, "has a phrase that is not allowed here")


class _Guarding(GatheredHook):
    """One body."""

    def __init__(self, rules: GuardRules, exchange: Exchange, max_bytes: int) -> None:
        self._rules = rules
        self._exchange = exchange
        self.max_bytes = max_bytes

    def whole(self, data: bytes) -> bytes:
        return self._rules.guarded(self._exchange, data)


def _inner(options: JsonValue) -> JsonValue | None:
    """The bound in the options of Ollama, with its place in these."""
    if options.raw is None:
        raise Refused("options", f"must not have more than {_VALUE_MAX} bytes here")
    skim = Skim((_PREDICT,), 0, _VALUE_MAX)
    skim.feed(options.raw)
    skim.finish()
    return skim.found[0]


def _is_over(key: bytes, value: JsonValue, most: int) -> bool:
    """Whether it is more than ``most``; what is below 0 has no bound for some servers.

    Raises:
        Refused: it is no number, but perhaps one for who reads text as such.
    """
    if value.kind != NUMBER:
        raise Refused(key.decode(), "must be a number")
    number = float(value.raw) if value.raw is not None else float("inf")
    return number > most or number < 0


def _member(data: bytes, place: int, member: bytes) -> Spliced:
    """``member`` as the first of the object whose brace is in front of ``place``."""
    is_empty = data[place:].lstrip(b" \t\r\n")[:1] == b"}"
    return place, place, member if is_empty else member + b","


def _count(exchange: Exchange, rule: int) -> None:
    exchange.plane.values[exchange.route.base + GUARDED + rule] += 1


def _refusal(exchange: Exchange, rule: int, refused: Refused) -> DownstreamError:
    _count(exchange, rule)
    name = refused.place[:_NAME_MAX]
    error = DownstreamError(400, "guardrail_refused", f"{name} {refused}")
    error.param = name
    return error
