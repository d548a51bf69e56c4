"""Shows the dashboard of a gateway that has some trouble to Chromium, and writes docs/images/dashboard-*.png."""

from __future__ import annotations

import contextlib
import io
import random
import signal
import tempfile
import threading
import urllib.error
import urllib.request
from pathlib import Path

from PIL import Image
from playwright.sync_api import Page, sync_playwright

from tests.support.gateway import GatewayProcess
from tests.support.ports import free_port
from tests.support.upstream import Connection, Received, UpstreamServer, response

SECONDS = 20  #: of traffic before the first picture
IMAGES = Path(__file__).parent.parent / "docs" / "images"
TEXT = """
workers: 2
admin: {address: "127.0.0.1:$admin", slow: 300ms}
listeners: [{name: edge, address: "127.0.0.1:$port"}]
routes:
  - {name: models, path: "/v1/*", service: llm}
  - {name: health, path: "/health", reply: {text: "ok"}}
  - {name: images, path: "/images/*", service: images}
services:
  llm:
    admission: {limit: 16}
    ejection: {after: 3, base: 600s, max: 600s}
    endpoints: ["FAST", "127.0.0.1:GONE"]
  images: {endpoints: ["127.0.0.1:GONE2"], ejection: off}
"""
PATHS = ("/v1/chat/completions", "/v1/chat/completions?x=1", "/v1/embeddings", "/v1/models", "/health")


def serve(request: Received, connection: Connection) -> None:
    """A model that thinks for a while, and for long now and then."""
    threading.Event().wait(random.choice((0.01, 0.02, 0.04, 0.09)) if random.random() < 0.97 else 0.4)
    connection.send(response(b"{}", status="500 Internal Server Error" if random.random() < 0.01 else "200 OK"))


def ask(running: GatewayProcess, until: threading.Event) -> None:
    """Be a client."""
    while not until.is_set():
        path = random.choice(PATHS) if random.random() < 0.97 else f"/images/{random.randrange(1000)}.png"
        with contextlib.suppress(urllib.error.HTTPError), urllib.request.urlopen(running.base_url + path) as answer:
            answer.read()
        until.wait(random.random() * 0.1)


def main() -> None:
    """Make them."""
    folder = Path(tempfile.mkdtemp())
    with UpstreamServer(serve) as service:
        text = TEXT.replace("FAST", service.address)
        for name in ("GONE2", "GONE"):
            text = text.replace(name, str(free_port()))
        running = GatewayProcess(text, folder)
        over = threading.Event()
        clients = [threading.Thread(target=ask, args=(running, over)) for _ in range(3)]
        try:
            running.wait_ready()
            for one in clients:
                one.start()
            with sync_playwright() as playwright:
                browser = playwright.chromium.launch(executable_path="/usr/bin/chromium", args=["--no-sandbox"])
                page = browser.new_page(viewport={"width": 1000, "height": 1400})
                _shown(page, running)
                for scheme in ("light", "dark"):
                    page.emulate_media(color_scheme=scheme)  # type: ignore[arg-type]
                    page.wait_for_timeout(2000)
                    _save(page.screenshot(full_page=True), IMAGES / f"dashboard-{scheme}.png")
                browser.close()
        finally:
            over.set()
            for one in clients:
                one.join()
            running.stop()


def _shown(page: Page, running: GatewayProcess) -> None:
    """Let it be seen for a while, with a reload that is used and one that is refused."""
    page.goto(running.admin_url + "/")
    page.wait_for_timeout(SECONDS * 500)
    text = running.config.read_text()
    for other in (text.replace("limit: 16", "limit: 32"), text.replace("limit: 16", "limitt: 32")):
        running.config.write_text(other)
        running.signal(signal.SIGHUP)
        page.wait_for_timeout(SECONDS * 250)


def _save(picture: bytes, path: Path) -> None:
    """In 64 colours, which are all it has but for the edges of letters: a quarter of the size."""
    image = Image.open(io.BytesIO(picture)).convert("RGB")
    image.quantize(64, dither=Image.Dither.NONE).save(path, optimize=True)


if __name__ == "__main__":
    main()
