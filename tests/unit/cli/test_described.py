"""A parser as plain data."""

from __future__ import annotations

import argparse

from fastgw.cli.described import Command, describe
from fastgw.cli.main import build_parser


def made() -> Command:
    parser = argparse.ArgumentParser("x", description="about", epilog="such as")
    parser.add_argument("--version", action="version", version="1", help="print it")
    commands = parser.add_subparsers(dest="command")
    one = commands.add_parser("one", help="does one thing")
    where = one.add_mutually_exclusive_group(required=True)
    where.add_argument("-c", "--config", metavar="FILE", help="by %(metavar)s")
    where.add_argument("--socket", metavar="PATH")
    one.add_argument("--form", choices=("a", "b"), default="a")
    one.add_argument("-H", action="append", metavar="FIELD")
    one.add_argument("--secret", help=argparse.SUPPRESS)
    one.add_argument("service", metavar="SERVICE")
    one.add_argument("more", metavar="OLD", nargs="*")
    commands.add_parser("two").add_subparsers().add_parser("inner", help="deeper")
    return describe(parser)


def test_commands_are_walked_with_their_words() -> None:
    program = made()
    assert [one.words for one in program.walk()] == [(), ("one",), ("two",), ("two", "inner")]
    assert [one.help for one in program.walk()] == ["", "does one thing", "", "deeper"]
    assert (program.about, program.examples) == ("about", "such as")


def test_options_and_arguments_have_what_a_shell_needs() -> None:
    one = made().commands[0]
    assert one.usage == "one (-c FILE | --socket PATH) [--form {a,b}] [-H FIELD] SERVICE [OLD]"
    config, socket, form, field = one.options[1:]
    assert config.flags == ("-c", "--config") and config.help == "by FILE"
    assert (config.kind, config.is_required, config.excludes) == ("file", True, ("--socket",))
    assert socket.excludes == ("-c", "--config")
    assert form.choices == ("a", "b") and form.value == "{a,b}" and not form.is_required
    assert field.may_repeat and not form.may_repeat
    service, more = one.arguments
    assert (service.kind, service.is_required, service.may_repeat) == ("service", True, False)
    assert (more.kind, more.is_required, more.may_repeat) == ("file", False, True)


def test_every_option_of_the_program_explains_itself() -> None:
    silent = [
        (*one.words, *(argument.flags or (argument.value,)))
        for one in describe(build_parser()).walk()
        for argument in (*one.options, *one.arguments)
        if not argument.help and argument.flags != ("--format",)
    ]
    assert silent == []
