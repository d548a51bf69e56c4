"""What a registry knows of each of its entries: the keys of the file, what they must not say, and what makes the thing.

Annotations are not postponed here, nor in the files of the entries (``config.model`` has the reason).
"""

from typing import Any, ClassVar, get_args

from fastgw.config.model import Model
from fastgw.config.source import Document, TreePath


class Entry(Model):
    """The options of one thing that is found by a word, strictly read.

    What is made gets plain data (``given``): no model reaches a worker.
    """

    told_by: ClassVar[str]  #: the key that has the word
    made_by: ClassVar[str]  #: "module:Class", called in the workers with the name of the thing and its options by key

    @classmethod
    def word(cls) -> str:
        """The word that it is found by."""
        return str(get_args(cls.model_fields[cls.told_by].annotation)[0])

    def given(self) -> dict[str, Any]:
        """The options as they are handed over: numbers, text, bytes and tuples; a mapping is its pairs."""
        return {key: _plain(value) for key, value in self if key != self.told_by}

    def does(self) -> str:
        """What it does, one phrase for ``fastgw route``; without a word of its own the first sentence that its class says of itself."""
        sentence = (type(self).__doc__ or type(self).__name__).partition("\n")[0].rstrip(".")
        return sentence[:1].lower() + sentence[1:]

    def check(self, document: Document, where: TreePath) -> None:
        """Report what no single key shows, or what the host lacks; any value may be unsound (``config.unsound``).

        ``where``: its place in the file, the beginning of each path that is reported.
        """


def _plain(value: Any) -> Any:
    """``value`` without models, mappings and lists: tuples instead, which nobody can change."""
    if isinstance(value, Model | dict):
        return tuple((key, _plain(one)) for key, one in dict(value).items())
    return tuple(map(_plain, value)) if isinstance(value, list) else value
