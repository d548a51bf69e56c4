"""A parser as plain data: what completion, the man page and the reference of commands are made from."""

from __future__ import annotations

import argparse
from collections.abc import Iterator
from typing import Final, NamedTuple

#: What a value is, by the name that help has for it; anything else is completed by nothing.
KINDS: Final = {
    "FILE": "file",
    "PATH": "file",
    "OLD": "file",
    "NEW": "file",
    "SERVICE": "service",
    "VERSION": "version",
}


class Argument(NamedTuple):
    """An option, or an argument without a flag (then ``flags`` is empty)."""

    flags: tuple[str, ...]
    value: str  #: what help calls its value; empty: it has none
    help: str
    choices: tuple[str, ...]
    kind: str  #: one of ``KINDS``, or empty
    is_required: bool
    may_repeat: bool
    excludes: tuple[str, ...]  #: flags that cannot be given with it


class Command(NamedTuple):
    """A command, or the program itself."""

    words: tuple[str, ...]  #: ``("keys", "new")``; of the program none
    help: str  #: in one line
    about: str
    examples: str
    options: tuple[Argument, ...]
    arguments: tuple[Argument, ...]
    commands: tuple[Command, ...]

    @property
    def usage(self) -> str:
        """Its line, which is the same for every release of Python."""
        parts, seen = [], set[str]()
        for one in self.options:
            if seen.isdisjoint(one.flags) and "--help" not in one.flags:
                others = [other for other in self.options if set(other.flags) & set(one.excludes)]
                seen.update(flag for other in others for flag in other.flags)
                text = " | ".join(f"{other.flags[0]} {other.value}".strip() for other in (one, *others))
                is_bare = one.is_required and not others
                parts.append(text if is_bare else f"({text})" if one.is_required else f"[{text}]")
        words = (one.value if one.is_required else f"[{one.value}]" for one in self.arguments)
        return " ".join([*self.words, *parts, *words])

    def walk(self) -> Iterator[Command]:
        """It and all below it, in the order of the help."""
        yield self
        for one in self.commands:
            yield from one.walk()


def describe(parser: argparse.ArgumentParser, words: tuple[str, ...] = (), summary: str = "") -> Command:
    """What ``parser`` takes.  What has no help on purpose (``argparse.SUPPRESS``) is left out."""
    options: list[Argument] = []
    arguments: list[Argument] = []
    commands: list[Command] = []
    for action in parser._actions:
        if isinstance(action, argparse._SubParsersAction):
            helps = {one.dest: one.help or "" for one in action._choices_actions}
            commands = [describe(one, (*words, name), helps.get(name, "")) for name, one in action.choices.items()]
        elif action.help != argparse.SUPPRESS:
            (options if action.option_strings else arguments).append(_argument(parser, action))
    return Command(
        words,
        summary,
        parser.description or "",
        parser.epilog or "",
        tuple(options),
        tuple(arguments),
        tuple(commands),
    )


def _argument(parser: argparse.ArgumentParser, action: argparse.Action) -> Argument:
    takes = action.nargs != 0
    named = action.metavar if isinstance(action.metavar, str) else action.dest.upper()
    choices = tuple(map(str, action.choices or ()))
    groups = [one for one in parser._mutually_exclusive_groups if action in one._group_actions]
    others = [one for group in groups for one in group._group_actions if one is not action]
    flags = [flag for one in others for flag in one.option_strings]
    return Argument(
        flags=tuple(action.option_strings),
        value=("{" + ",".join(choices) + "}" if choices and action.metavar is None else named) if takes else "",
        help=parser._get_formatter()._expand_help(action) if action.help else "",
        choices=choices,
        kind=KINDS.get(named, "") if takes else "",
        is_required=(action.required and action.nargs not in ("?", "*"))
        or any(one.required for one in groups if all(x.option_strings for x in one._group_actions)),
        may_repeat=isinstance(action, argparse._AppendAction) or action.nargs in ("*", "+"),
        excludes=tuple(flags),
    )
