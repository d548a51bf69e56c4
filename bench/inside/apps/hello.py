"""A handler of ``fastgw.App``: ``hello.py PORT``."""

from __future__ import annotations

import sys
from typing import Any

from fastgw import App

app = App()


@app.route("/")
def hello(_: Any) -> Any:
    """The greeting."""
    return {"message": "Hello, World!"}


if __name__ == "__main__":
    app.run(port=int(sys.argv[1]), workers=1)
