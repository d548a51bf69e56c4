"""What the file says of a filter of type ``usage``."""

import re
from typing import Annotated, Any, ClassVar, Final, Literal

from fastgw.config.filters.entry import FilterOptions
from fastgw.config.logs import Rotate, check_log
from fastgw.config.model import Model, setting
from fastgw.config.source import Document, TreePath
from fastgw.config.types import Boolean, Parsed, PositiveDuration, Stream, count
from fastgw.config.unsound import is_missing
from fastgw.config.values import scalar, shown, text

_PRICE: Final = re.compile(r"[0-9]{1,9}(?:\.[0-9]{1,9})?").fullmatch
PRICES_MAX: Final = 1000
MODELS_MAX: Final = 200
KEYS_MAX: Final = 1000


def _price(value: object) -> float:
    found = scalar(value, "a price such as 2.5")
    if _PRICE(found) is None:
        raise ValueError(f"expected a price such as 2.5 or 0.075, got {shown(value)}")
    return float(found)


def _model(value: object) -> str:
    found = text("the name of a model", longest=256)(value)
    if not found or "*" in found[:-1]:
        raise ValueError(f"expected the name of a model, or how it begins and an asterisk, got {shown(value)}")
    return found


PerMillion = Annotated[float, Parsed(_price, type=["number", "string"], examples=[2.5, 0.075])]
ModelName = Annotated[str, Parsed(_model, is_key=True, type="string", examples=["gpt-4o", "gpt-4o-*"])]


class ModelPrice(Model):
    """What a million tokens cost."""

    input: PerMillion = setting(..., "Of the prompt.")
    output: PerMillion = setting(0, "That are generated.")
    cached: PerMillion | None = setting(None, "Of the prompt, if a cache of the service had them. Default: as input.")

    @property
    def input_cached(self) -> float:
        """That of those that a cache had."""
        return self.input if self.cached is None else self.cached


class Usage(FilterOptions):
    """Meters the tokens that requests to model servers take."""

    made_by: ClassVar[str] = "fastgw.filters.usage:Usage"
    is_built_in: ClassVar[bool] = True
    type: Literal["usage"] = setting(..., "usage")
    path: Stream | None = setting(
        None, "Where each request has a line of JSON: stdout, stderr or a file. Default: nowhere."
    )
    rotate: Rotate | None = setting(None, "When another file takes its place. Default: never.")
    flush: PositiveDuration = setting("1s", "Lines are written at the latest after this time.")
    include_usage: Boolean = setting(
        True, "Ask for the usage of OpenAI's streams where the client has not, and take it out of the answer again."
    )
    models: list[Annotated[str, Parsed(text("the name of a model", longest=256), type="string")]] = setting(
        [], "Models that metrics name, beside those of prices with a name of their own; all others are one."
    )
    keys: Annotated[int, count(0, KEYS_MAX)] = setting(
        0, "Keys of api_key that metrics name, the first of their files; all others are one. 0: no metrics by key."
    )
    prices: dict[ModelName, ModelPrice] = setting(
        {}, "What a million tokens cost, by the model that answers, or by how its name begins: gpt-4o-*."
    )

    def does(self) -> str:
        """What is metered, and told where."""
        log = f", and writes a line for each request to {self.path}" if self.path else ""
        return f"meters the tokens of answers{log}"

    def given(self) -> dict[str, Any]:
        """With what is cached at the price of what is not, where nothing is said."""
        prices = tuple(
            (name, (("input", one.input), ("output", one.output), ("cached", one.input_cached)))
            for name, one in self.prices.items()
        )
        return super().given() | {"prices": prices}

    def check(self, document: Document, where: TreePath) -> None:
        """The log can be made, and there are not too many prices."""
        if is_missing(self.path):
            if not is_missing(self.rotate):
                document.report((*where, "rotate"), "has no effect: without path there is no log", at_key=True)
        elif self.path is not None:
            check_log(document, where, self.path, self.rotate)
        if len(self.models) > MODELS_MAX:
            document.report((*where, "models"), f"has more than {MODELS_MAX} models")
        if len(self.prices) > PRICES_MAX:
            document.report((*where, "prices"), f"has more than {PRICES_MAX} models")
