"""Handlers: a small API of users; ``python user_handler.py`` serves it alone, and ``app: user_handler:app`` in a gateway."""

from typing import Any

from fastgw import App, Request, Response

app = App()
users = {"ada": {"name": "Ada", "born": 1815}}


@app.route("/user/{name}")
def user(request: Request) -> Any:
    """One of them."""
    found = users.get(request.params["name"])
    return found if found is not None else Response({"error": "nobody has this name"}, 404)


@app.route("/user")
def everybody(request: Request) -> Any:
    """All of them."""
    return {"users": sorted(users)}


if __name__ == "__main__":
    app.run(port=8000)
