"""What the file says of a filter of type ``guardrails``."""

from typing import Annotated, Any, ClassVar, Final, Literal

from fastgw.config.filters.entry import FilterOptions
from fastgw.config.model import Model, setting
from fastgw.config.source import Document, TreePath
from fastgw.config.types import Boolean, NameKey, Parsed, count, size, words
from fastgw.config.unsound import is_unsound
from fastgw.config.values import text

TYPES: Final = ("png", "jpeg", "gif", "webp", "bmp", "tiff")
NAMES_MAX: Final = 200
SETS_MAX: Final = 100
_ParameterName = Annotated[str, Parsed(text("the name of a parameter", longest=64), type="string")]
_Phrase = Annotated[str, Parsed(text("a phrase", longest=200), type="string")]


class ImageBounds(Model):
    """What the images of a request may be."""

    max: Annotated[int, count(0, 1000)] = setting(10, "How many there may be; 0: none.")
    max_pixels: Annotated[int, count(1, 1 << 40)] | None = setting(
        None, "Width times height of each, as its header says. Default: any."
    )
    types: list[Annotated[str, words(*TYPES)]] = setting(
        ["png", "jpeg", "gif", "webp"], "What they may be, by their first bytes."
    )
    remote: Boolean = setting(True, "They may be the address of an image, of which nothing is known here.")


class GuardRules(Model):
    """What requests may ask for."""

    max_tokens: Annotated[int, count(1, 1 << 40)] | None = setting(
        None, "Tokens that a request may have generated. Default: any number."
    )
    over_tokens: Annotated[str, words("clamp", "refuse")] = setting(
        "clamp", "What becomes of one that asks for more: it gets max_tokens, or 400."
    )
    default_tokens: Annotated[int, count(1, 1 << 40)] | None = setting(
        None, "What one gets that does not say how many. Default: what its service gives it."
    )
    max_choices: Annotated[int, count(1, 1 << 20)] | None = setting(
        None, "Answers that it may have to choose from (n, best_of). Default: any number."
    )
    parameters: list[_ParameterName] = setting([], "Keys that a body may have, and no others. Default: all.")
    refuse_parameters: list[_ParameterName] = setting([], "Keys that it may not have, in any case.")
    images: ImageBounds | None = setting(None, "What the images in it may be. Default: anything.")
    phrases: list[_Phrase] = setting([], "Text that may not be in it, in any case.")

    def rules(self) -> dict[str, Any]:
        """As ``filters.guardrails`` takes them: with numbers for what is not said."""
        bounds = self.images
        images = None
        if bounds is not None:
            types = tuple(dict.fromkeys(bounds.types))
            images = (
                *(("max", bounds.max), ("max_pixels", bounds.max_pixels or 0)),
                *(("types", types), ("remote", bounds.remote)),
            )
        numbers = {one: getattr(self, one) or 0 for one in ("max_tokens", "default_tokens", "max_choices")}
        texts = {one: tuple(getattr(self, one)) for one in ("parameters", "refuse_parameters", "phrases")}
        return numbers | texts | {"over_tokens": self.over_tokens, "images": images}

    def check_rules(self, document: Document, where: TreePath) -> None:
        """Report what has no effect, or contradicts itself."""
        if is_unsound(self.max_tokens, self.default_tokens, self.over_tokens):
            return
        if self.max_tokens is None:
            if self.over_tokens == "refuse":
                document.report((*where, "over_tokens"), "has no effect without max_tokens", at_key=True)
        elif self.default_tokens is not None and self.default_tokens > self.max_tokens:
            document.report((*where, "default_tokens"), f"is more than max_tokens ({self.max_tokens})")
        for key in ("parameters", "refuse_parameters", "phrases"):
            if not is_unsound(getattr(self, key)) and len(getattr(self, key)) > NAMES_MAX:
                document.report((*where, key), f"has more than {NAMES_MAX} of them")
        if self.images is not None and not is_unsound(self.images, self.images.types) and not self.images.types:
            document.report((*where, "images", "types"), "is empty; max: 0 refuses all images", at_key=True)

    @property
    def is_empty(self) -> bool:
        """Is nothing said?"""
        return not any(getattr(self, key) for key in _RULES)


class Guardrails(GuardRules, FilterOptions):
    """Bounds what a request to a model server may ask for."""

    made_by: ClassVar[str] = "fastgw.filters.guardrails:Guardrails"
    type: Literal["guardrails"] = setting(..., "guardrails")
    sets: dict[NameKey, GuardRules] = setting(
        {},
        "Rules by name, in the place of the filter's own for keys that are made for them (fastgw keys new --guardrails).",
    )
    by_label: Annotated[str, Parsed(text("the name of a label", longest=63), type="string")] | None = setting(
        None, "Label of a key whose value names the set, where the key itself names none. Default: no label does."
    )
    max_body: Annotated[int, size(1, 1 << 30)] = setting("32MiB", "Bytes of a body; of a larger one 413.")

    def given(self) -> dict[str, Any]:
        """The rules, and sets of such."""
        sets = tuple((name, tuple(one.rules().items())) for name, one in self.sets.items())
        return self.rules() | {"sets": sets, "by_label": self.by_label or "", "max_body": self.max_body}

    def check(self, document: Document, where: TreePath) -> None:
        """Report what has no effect, or contradicts itself."""
        self.check_rules(document, where)
        if is_unsound(self.sets, *(getattr(self, key) for key in _RULES)):
            return
        if self.is_empty and not self.sets:
            document.report(where, f"refuses nothing: give it one of {', '.join((*_RULES, 'sets'))}")
        if len(self.sets) > SETS_MAX:
            document.report((*where, "sets"), f"has more than {SETS_MAX} of them")
        for name, one in self.sets.items():
            if not is_unsound(one):
                one.check_rules(document, (*where, "sets", name))
        if self.by_label is not None and not self.sets:
            document.report((*where, "by_label"), "has no effect without sets", at_key=True)


_RULES: Final = (
    *("max_tokens", "default_tokens", "max_choices"),
    *("parameters", "refuse_parameters", "images", "phrases"),
)
