"""What the registry of filters knows of each type.

Annotations are not postponed here, nor in the files of the types (``config.model`` has the reason).
"""

import inspect
from typing import Annotated, Any, ClassVar, Final

from fastgw.config.entry import Entry
from fastgw.config.model import setting
from fastgw.config.types import PositiveDuration, words
from fastgw.core.settings import FilterSettings, KeySetSettings, RedisSettings

GENERAL: Final = FilterSettings._fields  #: keys that every filter has


class FilterOptions(Entry):
    """The options of one type of filter; a subclass is the entry of its type.

    It needs nothing beside its keys but a ``type`` with the word for it, and ``made_by``.
    """

    told_by: ClassVar[str] = "type"
    is_built_in: ClassVar[bool] = False  #: may a chain name the type without a definition, which is then all defaults?
    runs_before_routing: ClassVar[bool] = (
        False  #: may ``before_routing`` of a listener name it?  Its request hook never waits then
    )
    notes: ClassVar[tuple[str, ...] | None] = ()  #: names of what it notes of a request; None: any
    type: str
    on_failure: Annotated[str, words("closed", "open")] = setting(
        "closed", "What becomes of a request when the filter fails: it is refused, or goes on without the filter."
    )
    timeout: PositiveDuration = setting("10s", "How long the filter may wait for something before that is a failure.")

    def settled(self, settings: FilterSettings) -> FilterSettings:
        """What the data plane is told, where the file says these ``settings``."""
        return settings

    def given(self) -> dict[str, Any]:
        """The options of its type: what all filters have is for the data plane alone, unless the type gives it a meaning of its own."""
        own = inspect.get_annotations(type(self))
        return {key: value for key, value in super().given().items() if key not in GENERAL or key in own}

    def needs_a_route(self) -> str:
        """Why it cannot run before a route is looked for; empty: it can."""
        return "" if self.runs_before_routing else f"a filter of type {self.word()} needs a route"

    def key_sets(self) -> tuple[KeySetSettings, ...]:
        """What the supervisor fetches for it."""
        return ()

    def redis_links(self) -> tuple[RedisSettings, ...]:
        """By what the supervisor shares limits for it."""
        return ()
