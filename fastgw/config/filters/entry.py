"""What the registry of filters knows of each type: the keys of the file, what they must not say, and what makes the filter.

Annotations are not postponed here, nor in the files of the types (``config.model`` has the reason).
"""

from typing import Any, ClassVar, get_args

from fastgw.config.model import Model
from fastgw.config.source import Document, TreePath


class FilterOptions(Model):
    """The options of one type of filter, strictly read; a subclass is the entry of its type, and needs nothing beside its keys
    but a ``type`` with the word for it, and ``made_by``.

    What the filter gets is plain data (``given``): no model reaches a worker.
    """

    made_by: ClassVar[str]  #: "module:Class", called in the workers with the filter's name and its options by key
    is_built_in: ClassVar[bool] = False  #: may a chain name the type without a definition, which is then all defaults?
    type: str

    @classmethod
    def word(cls) -> str:
        """What ``type`` says."""
        return str(get_args(cls.model_fields["type"].annotation)[0])

    def given(self) -> dict[str, Any]:
        """The options as the filter gets them: numbers, text, bytes and tuples; a mapping is its pairs."""
        return {key: _plain(value) for key, value in self if key != "type"}

    def check(self, document: Document, where: TreePath) -> None:
        """Report what no single key shows, or what the host lacks; any value may be unsound (``config.unsound``).

        ``where``: the filter's place in the file, the beginning of each path that is reported.
        """


def _plain(value: Any) -> Any:
    """``value`` without models, mappings and lists: tuples instead, which nobody can change."""
    if isinstance(value, Model | dict):
        return tuple((key, _plain(one)) for key, one in dict(value).items())
    return tuple(map(_plain, value)) if isinstance(value, list) else value
