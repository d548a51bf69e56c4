"""One worker process: ``python -m fastgw.server.worker FD INDEX STACKS``, started by the supervisor and by nothing else.

``FD``: the inherited end of the channel to the supervisor.  ``INDEX``: which of the workers it is.  ``STACKS``: the pipe by which it
tells where it stands (``stacks``).
"""

from __future__ import annotations

import gc
import sys

from fastgw._descriptors import have_room, open_standard
from fastgw.server.stacks import tell_by


def main(arguments: list[str]) -> int:
    """Serve until told to stop; return the exit status."""
    open_standard()
    have_room()
    fd, index, stacks = (int(one) for one in arguments)
    tell_by(stacks)  # before anything is imported that may hang
    gc.disable()  # nothing that the imports make is garbage: looking for it would cost a tenth of the start
    from fastgw.server.serving import serve

    return serve(fd, index)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
