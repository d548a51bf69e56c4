"""``fastgw.App``: functions that answer requests, served by a gateway of their own, or as a service of one."""

from __future__ import annotations

import os
import sys
import tempfile
from typing import Any

from fastgw.adapters.handlers import HandlerRequest as Request
from fastgw.adapters.handlers import HandlerResponse as Response
from fastgw.adapters.handlers import Routes

__all__ = ["App", "Request", "Response"]

_CONFIGURATION = """\
workers: {workers}
admin: false
listeners:
  - {{address: "{host}:{port}", filters: []}}
routes:
  - {{path: /*, service: app}}
services:
  app: {{app: "{reference}"}}
"""


class App(Routes):
    """Functions by the paths they answer.

    app = App()

    @app.route("/user/{name}")
    def user(request):
        return {"name": request.params["name"]}
    """

    def run(self, host: str = "127.0.0.1", port: int = 8000, *, workers: int | str = "auto") -> None:
        """Serve until SIGTERM or SIGINT, in as many processes as there are processors, or ``workers``; then exit.

        Each of them imports the module again that this application is a global of: the call stands behind
        ``if __name__ == "__main__":``.

        Raises:
            RuntimeError: it is a global of no module that can be imported.
        """
        from fastgw.cli.main import main

        folder, reference = self._place(sys._getframe(1).f_globals)
        path = os.environ.get("PYTHONPATH")
        os.environ["PYTHONPATH"] = f"{folder}{os.pathsep}{path}" if path else folder
        with tempfile.TemporaryDirectory(prefix="fastgw-") as place:
            file = os.path.join(place, "app.yaml")
            with open(file, "w") as out:
                out.write(_CONFIGURATION.format(workers=workers, host=host, port=port, reference=reference))
            status = main(["run", "-c", file])
        sys.exit(status)

    def _place(self, names: dict[str, Any]) -> tuple[str, str]:
        """The folder of the module with these globals, and ``module:name`` of this application there."""
        file = names.get("__file__")
        name = next((key for key, value in names.items() if value is self), None)
        if not file or name is None:
            raise RuntimeError("run() is called by a module in a file, of which the application is a global")
        folder, module = os.path.split(os.path.abspath(file))
        return folder, f"{module.removesuffix('.py')}:{name}"
