"""What a person reads on stderr who started a gateway that does not start; the log is for what has started."""

from __future__ import annotations

import os
import sys
from collections.abc import Mapping

from fastgw.server.log import PRIORITIES, is_journal


def complain(path: str, problems: list[str], environ: Mapping[str, str] = os.environ) -> None:
    """Write why it did not start to stderr, for a person; the journal of systemd, which ``environ`` tells of, has it as an error."""
    lines = "".join(f"  {problem}\n" for problem in problems) if len(problems) > 1 else ""
    if lines:
        text = f"fastgw: cannot start with {path}:\n{lines}"
    else:
        text = f"fastgw: cannot start: {problems[0] if problems else 'no reason given'}\n"
    try:
        if is_journal(2, environ):
            text = "".join(f"<{PRIORITIES['error']}>{line}" for line in text.splitlines(keepends=True))
        sys.stderr.write(text)
        sys.stderr.flush()
    except OSError:  # a full disk, or a reader that is gone: the exit status still tells
        return
