"""What the file says of how an endpoint is chosen.

Annotations are not postponed here (``from __future__``): pydantic would compile and evaluate each of them at the start.
"""

import re
from typing import Annotated, Final

from fastgw.config.affinity import Affinity
from fastgw.config.engine import Engine, ModelLists
from fastgw.config.inside import Inside
from fastgw.config.model import Model, setting
from fastgw.config.source import Document, TreePath
from fastgw.config.subset import SubsetChoice
from fastgw.config.template import varying
from fastgw.config.types import Boolean, Duration, Parsed, Percentage, words
from fastgw.config.unsound import is_missing, is_unsound
from fastgw.config.values import scalar, shown, text

BALANCERS: Final = (
    *("round_robin", "least_request", "random", "peak_ewma"),
    *("consistent_hash", "maglev", "prefix_hash", "engine"),
)
HASHING: Final = ("consistent_hash", "maglev")  #: those that need a key
PREFIX: Final = "prefix_hash"  #: the one that looks at prompts
ENGINE: Final = "engine"  #: the one that asks the members
Zone = Annotated[str, Parsed(text("the name of a zone"), type="string")]
_FACTOR: Final = re.compile(r"[0-9]{1,3}(\.[0-9]{1,3})?").fullmatch
_WANTED: Final = "off, or a number from 1.05 to 100"


def _factor(value: object) -> float:
    """How much more than the average; 0: any."""
    if value is False:
        return 0.0  # off, as YAML 1.1 reads it
    found = scalar(value, _WANTED)
    if found == "off":
        return 0.0
    number = float(found) if _FACTOR(found) else 0.0
    if not 1.05 <= number <= 100:
        raise ValueError(f"expected {_WANTED}, got {shown(value)}")
    return number


_FACTORS = [{"type": "number", "minimum": 1.05, "maximum": 100}, {"enum": ["off", False]}]


class Hash(Model):
    """What of a request decides which endpoint it goes to."""

    key: Annotated[tuple[bytes | str, ...], Parsed(varying, takes_variables=True, type="string")] = setting(
        ..., "Text with variables, such as ${header.x-session}; where it is empty chance decides."
    )
    max_load: Annotated[float, Parsed(_factor, anyOf=_FACTORS)] = setting(
        "off", "Exchanges in hand of an endpoint, in times the average; one with more is passed over. off: any number."
    )


class PromptPrefix(Model):
    """How much may come together where prompts begin alike."""

    max_load: Annotated[float, Parsed(_factor, anyOf=_FACTORS)] = setting(
        1.5, "Exchanges in hand of an endpoint, in times the average; one with more is passed over. off: any number."
    )


class Balanced(Inside):
    """How a service chooses one of its endpoints."""

    balance: Annotated[str, words(*BALANCERS)] = setting("least_request", "How an endpoint is chosen.")
    hash: Hash | None = setting(None, "Of balance: consistent_hash and maglev, what of a request decides.")
    prefix: PromptPrefix | None = setting(None, "Of balance: prefix_hash, how much an endpoint may get of it.")
    affinity: Affinity | None = setting(
        None, "A cookie that brings a client back to the endpoint that it was at. Default: none."
    )
    engine: Engine | None = setting(None, "Of balance: engine, where and how members tell how busy they are.")
    model_lists: ModelLists | None = setting(
        None, "Ask members which models they have, and send requests to those that have theirs. Default: nobody asks."
    )
    endpoint_picker: Boolean = setting(
        False, "Take the endpoint that x-gateway-destination-endpoint of a trusted peer, or of a filter, names."
    )
    subset: SubsetChoice | None = setting(
        None, "Which endpoints a request may go to, by their metadata. Default: all of them."
    )
    spill_below: Percentage = setting(
        "70%", "While fewer of the members in the zone of the gateway are there, others are asked too."
    )
    slow_start: Duration = setting("0", "How long a member that is new, or back, takes to its whole share. 0: none.")

    def check_balance(self, document: Document, where: TreePath) -> None:
        """Report what cannot choose."""
        _check_key(document, where, self.balance, self.hash)
        if self.engine is not None:
            if self.balance != ENGINE and not is_unsound(self.balance, self.engine):
                document.report((*where, "engine"), f"has no effect without balance: {ENGINE}", at_key=True)
            self.engine.check(document, (*where, "engine"))
        if self.model_lists is not None and not is_unsound(self.model_lists):
            self.model_lists.check(document, (*where, "model_lists"))
            if self.subset is not None and not is_unsound(self.subset):
                document.report((*where, "model_lists"), "stands beside subset; give one of them", at_key=True)
        if self.prefix is not None and self.balance != PREFIX and not is_unsound(self.balance, self.prefix):
            document.report((*where, "prefix"), f"has no effect without balance: {PREFIX}", at_key=True)
        if self.slow_start and self.balance in (*HASHING, PREFIX):
            document.report((*where, "slow_start"), f"has no effect with {self.balance}: a key has its one member")
        if self.affinity is not None:
            self.affinity.check(document, (*where, "affinity"))


def _check_key(document: Document, where: TreePath, balance: str, given: Hash | None) -> None:
    """Report a key without a balancer that asks for one, and the other way round."""
    if is_unsound(balance):
        return
    if balance in HASHING and is_missing(given):
        document.report(
            (*where, "balance"), f"{balance} needs hash: {{key: ...}}, which says what of a request decides"
        )
    if balance not in HASHING and given is not None and not is_unsound(given):
        document.report((*where, "hash"), f"has no effect without balance: {' or '.join(HASHING)}", at_key=True)
