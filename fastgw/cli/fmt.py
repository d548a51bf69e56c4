"""``fastgw fmt``: configurations in one form, with their comments."""

from __future__ import annotations

import argparse
import sys

from fastgw.cli.replacing import replace

_ABOUT = """\
Write configurations in one form: the sections in the order of the reference, two spaces to a level, an empty line between long
sections.  Comments stay, and so does what the file means: a result that meant anything else is refused.  Needs the extra fmt
(pip install 'fastgw[fmt]').

Exit code: 0 done, or nothing to do; 1 --check, and a file would change; 2 a file cannot be formatted, or wrong arguments."""

_EXAMPLES = """\
examples:
  fastgw fmt gateway.yaml
  fastgw fmt --check *.yaml                   in CI: changes nothing, prints what would change
  fastgw fmt - < gateway.yaml                 standard input to standard output"""


def add(parser: argparse.ArgumentParser) -> None:
    """Its arguments."""
    parser.description, parser.epilog = _ABOUT, _EXAMPLES
    parser.add_argument("files", nargs="+", metavar="FILE", help="the configuration; - is standard input")
    parser.add_argument("--check", action="store_true", help="change nothing, but print what would change")


def run(options: argparse.Namespace) -> int:
    """Format them; return the exit code."""
    return max(_format(path, is_checking=options.check) for path in options.files)


def _format(path: str, *, is_checking: bool) -> int:
    from fastgw.config.formatting import FormatError, difference, formatted

    name = "<stdin>" if path == "-" else path
    try:
        data = sys.stdin.buffer.read() if path == "-" else _read(path)
        text = data.decode()
        found = formatted(text, name)
        if is_checking:
            sys.stdout.write(difference(text, found, name))
            return int(found != text)
        if path == "-":
            sys.stdout.write(found)
        elif found != text:
            replace(path, found.encode())
    except ImportError:
        print("fastgw fmt: needs the package ruamel.yaml: pip install 'fastgw[fmt]'", file=sys.stderr)
        return 2
    except UnicodeDecodeError:
        print(f"fastgw fmt: {name}: is not UTF-8 text", file=sys.stderr)
        return 2
    except OSError as error:
        print(f"fastgw fmt: {name}: {error.strerror or error}", file=sys.stderr)
        return 2
    except FormatError as error:
        print(f"fastgw fmt: {error}", file=sys.stderr)
        return 2
    return 0


def _read(path: str) -> bytes:
    with open(path, "rb") as file:
        return file.read()
