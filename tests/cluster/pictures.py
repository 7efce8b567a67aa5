"""Takes the pictures of docs/watching.md: python -m tests.cluster.pictures, with Chromium.

A search runs as a job on a cluster of one host; the pictures are of Ray's dashboard meanwhile.
"""

from __future__ import annotations

import shutil
import subprocess
import tempfile
import threading
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

from PIL import Image

from tests.cluster.clusters import ROOT, Cluster, cluster, free_ports
from tests.faults.driving import Search, wait_until

FOLDER = ROOT / "docs" / "pictures"
PAGES = {
    "trials": ("actors/{trials}", 1400, 1700),
    "actors": ("actors", 1400, 1100),
}
"""Name, and its place on the dashboard with width and height of the window."""

_CHROMIUM = """--headless --no-sandbox --disable-gpu --hide-scrollbars --disable-quic --no-first-run
    --disable-background-networking --disable-component-update --disable-sync
    --virtual-time-budget=20000"""

_OPEN = b"""<script>setInterval(() => { for (const e of document.querySelectorAll("*"))
if (e.childElementCount === 0 && e.textContent === "Tasks History" && !e.dataset.opened) {
e.dataset.opened = "1"; e.click(); } }, 2000)</script>"""
"""A person's click on the heading of the list of tasks, which is closed at first."""


def main() -> None:
    """Take all of them."""
    FOLDER.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory() as folder, cluster(cpus=4, gpus=0) as host:
        made = Search(
            Path(folder),
            resources={"cpu": 1, "gpu": 0, "concurrent": 3},
            budget={"trials": 40, "max_epochs": 81, "grace_period": 3, "reduction_factor": 3},
        )
        host.submit("pictured", made.study, "--run", made.run.folder)
        wait_until(lambda: len(made.named("trial_ended")) >= 6)
        actors = host.told("/api/v0/actors?limit=1000")["data"]["result"]["result"]
        [trials] = [row["actor_id"] for row in actors if row["class_name"] == "Trials"]
        with let_in(host) as address:
            for name, (page, width, height) in PAGES.items():
                take(
                    f"{address}/#/{page.format(trials=trials)}",
                    FOLDER / f"{name}.png",
                    width,
                    height,
                )
        host.job("stop", "pictured")


def take(address: str, path: Path, width: int, height: int) -> None:
    """A picture of a page, in few colours."""
    with tempfile.TemporaryDirectory() as profile:
        command = [
            shutil.which("chromium") or "chromium",
            *_CHROMIUM.split(),
            f"--user-data-dir={profile}",
            f"--window-size={width},{height}",
            f"--screenshot={path}",
            address,
        ]
        subprocess.run(command, check=True, capture_output=True, timeout=120)
    with Image.open(path) as picture:
        picture.convert("RGB").quantize(64, dither=Image.Dither.NONE).save(path, optimize=True)


@contextmanager
def let_in(host: Cluster) -> Iterator[str]:
    """The dashboard's address for a browser that has no token: it is added on the way."""
    token = f"Bearer {host.environment['RAY_AUTH_TOKEN']}"

    class Passing(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            asked = urllib.request.Request(host.dashboard + self.path)
            asked.add_header("Authorization", token)
            try:
                with urllib.request.urlopen(asked, timeout=30) as answer:
                    body = answer.read() + (_OPEN if self.path == "/" else b"")
                    self._pass(answer.status, answer.headers, body)
            except urllib.error.HTTPError as error:
                self._pass(error.code, error.headers, error.read())

        def _pass(self, status: int, headers: object, body: bytes) -> None:
            self.send_response(status)
            self.send_header("Content-Type", headers.get_content_type())
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_: object) -> None:
            pass

    [port] = free_ports(1)
    server = ThreadingHTTPServer(("127.0.0.1", port), Passing)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    try:
        yield f"http://127.0.0.1:{port}"
    finally:
        server.shutdown()


if __name__ == "__main__":
    main()
