"""What the registry of filters knows of each type.

Annotations are not postponed here, nor in the files of the types (``config.model`` has the reason).
"""

from typing import ClassVar

from fastgw.config.entry import Entry
from fastgw.core.settings import KeySetSettings


class FilterOptions(Entry):
    """The options of one type of filter; a subclass is the entry of its type.

    It needs nothing beside its keys but a ``type`` with the word for it, and ``made_by``.
    """

    told_by: ClassVar[str] = "type"
    is_built_in: ClassVar[bool] = False  #: may a chain name the type without a definition, which is then all defaults?
    type: str

    def key_sets(self) -> tuple[KeySetSettings, ...]:
        """What the supervisor fetches for it."""
        return ()
