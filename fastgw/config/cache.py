"""What the file says of answers that are kept.

Annotations are not postponed here (``from __future__``): pydantic would compile and evaluate each of them at the start.
"""

from typing import Annotated, Any, Final

from fastgw.config.model import Model, setting
from fastgw.config.source import Document, TreePath
from fastgw.config.types import Boolean, Duration, FieldName, PositiveDuration, count, size, words
from fastgw.config.unsound import is_unsound
from fastgw.core.cache_settings import CacheSettings

#: Fields that differ from client to client, or are in every key: nothing is kept by them.
_USELESS: Final = ("host", "content-length", "cookie", "authorization", "x-forwarded-for", "x-request-id")

#: What is usual beside models.
_OF_MODELS: Final[dict[str, Any]] = {"ttl": 600.0, "wait": 60.0}


class Cache(Model):
    """What of a route's answers is kept, in each worker, as RFC 9111 says."""

    methods: list[Annotated[str, words("GET", "POST")]] = setting(
        ["GET"], "GET, with HEAD; POST where equal bodies have equal answers, as those of a model without chance."
    )
    ttl: Duration = setting(
        "0", "How long a 200 is fresh that says nothing of it itself. 0: it is not kept. Beside models 10m by default."
    )
    shared: Boolean = setting(False, "Everybody is given the same, whoever asks; else nobody what another was.")
    vary: list[FieldName] = setting([], "More fields of a request on which answers depend.")
    max_bytes: Annotated[int, size(64 * 1024)] = setting("64MiB", "Of all that is kept; what was not used goes first.")
    max_entries: Annotated[int, count(1, 10_000_000)] = setting(10_000, "Answers that are kept.")
    max_entry: Annotated[int, size(1)] = setting("1MiB", "Bytes of one; larger ones are not kept.")
    max_variants: Annotated[int, count(1, 1000)] = setting(8, "Answers to one request, by Vary.")
    max_body: Annotated[int, size(1, 16 << 20)] = setting("64KiB", "Bytes of a POST; with more it is not looked for.")
    wait: PositiveDuration = setting(
        "5s", "How long others wait for the head of an answer that one has asked for. Beside models 60s by default."
    )
    max_waiting: Annotated[int, count(1, 100_000)] = setting(100, "How many wait for one answer; more ask themselves.")
    epoch: Annotated[int, count(0, 1_000_000_000)] = setting(
        0, "Another number, and a reload, and nothing is kept any more."
    )
    temperature: Annotated[str, words("zero", "any")] = setting(
        "zero", "Beside models, the texts that are kept: of a temperature of 0 alone, or any."
    )

    def beside_models(self, made: CacheSettings) -> CacheSettings:
        """``made`` of this, on a route that leads to models: they say nothing of how long an answer is good, and take their time."""
        usual = {name: value for name, value in _OF_MODELS.items() if name not in self.model_fields_set}
        return made._replace(methods=("POST",), **usual)

    def check(self, document: Document, where: TreePath, route: Any) -> None:
        """Report what no key shows by itself; ``route``: the one whose answers are kept."""
        answers = ("reply", "redirect", "files", "adapter")
        given = next((key for key in answers if not is_unsound(getattr(route, key)) and getattr(route, key)), "")
        if given:
            document.report(where, f"has no effect with {given}: that is answered here already", at_key=True)
        self._check_models(document, where, has_models=route.models is not None)
        if not is_unsound(self.methods) and not self.methods:
            document.report((*where, "methods"), "is empty: nothing would be kept")
        if self.max_entry > self.max_bytes:
            document.report(
                (*where, "max_entry"), f"is more than max_bytes ({self.max_bytes}), so it would never be kept"
            )
        posts = route.models is not None or (not is_unsound(self.methods, *self.methods) and "POST" in self.methods)
        if not posts and not is_unsound(self.methods) and document.at((*where, "max_body")) is not None:
            document.report((*where, "max_body"), "has no effect without POST in methods", at_key=True)
        for place, name in enumerate(self.vary if not is_unsound(self.vary) else ()):
            if name in _USELESS:
                document.report((*where, "vary", place), f"{name!r} is in the key already, or differs each time")

    def _check_models(self, document: Document, where: TreePath, *, has_models: bool) -> None:
        if has_models and document.at((*where, "methods")) is not None:
            document.report((*where, "methods"), "has no effect beside models, which are asked by POST", at_key=True)
        if not has_models and document.at((*where, "temperature")) is not None:
            document.report((*where, "temperature"), "has no effect without models", at_key=True)
        if has_models and not self.ttl and "ttl" in self.model_fields_set:
            document.report((*where, "ttl"), "is 0, so no answer of a model would be kept")
