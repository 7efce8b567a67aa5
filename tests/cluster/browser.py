"""Screenshots of web pages with headless Chromium, controlled through its DevTools protocol.

https://chromedevtools.github.io/devtools-protocol
"""

from __future__ import annotations

import asyncio
import base64
import json
import shutil
import subprocess
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import aiohttp

from tests.cluster.clusters import free_ports

_FLAGS = [
    *("--headless", "--no-sandbox", "--disable-gpu", "--hide-scrollbars", "--disable-quic"),
    *("--no-first-run", "--disable-background-networking", "--disable-component-update"),
    "--disable-sync",
]

_PATIENCE = 60.0
"""Seconds that a page gets to show the expected text."""

_HEADING = """((says) => [...document.querySelectorAll("*")].find(
e => says(e) && ![...e.children].some(says)))(e => e.textContent === %s)"""


@dataclass(frozen=True)
class Page:
    """A page to take a screenshot of.

    Attributes:
        place: Path of the page on its site.
        shows: Text that the page shows when it is ready.
        width: Width of the window in pixels.
        height: Height of the window in pixels.
        opens: A heading to click, so that its section opens, and to scroll to; or None.
    """

    place: str
    shows: str
    width: int
    height: int
    opens: str | None = None


@contextmanager
def chromium() -> Iterator[str]:
    """A running browser; yields the address of its DevTools."""
    [port] = free_ports(1)
    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as profile:
        command = [
            shutil.which("chromium") or "chromium",
            *_FLAGS,
            f"--user-data-dir={profile}",
            f"--remote-debugging-port={port}",
        ]
        process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        try:
            yield f"http://127.0.0.1:{port}"
        finally:
            process.kill()
            process.wait()


def take(browser: str, site: str, page: Page, headers: Mapping[str, str], path: Path) -> None:
    """Take a screenshot of a page once it shows the expected text.

    Args:
        browser: Address of the browser's DevTools.
        site: Address of the site.
        page: The page, and the text to wait for.
        headers: Headers of every request.
        path: PNG file to write.

    Raises:
        TimeoutError: If the page does not show the text in time.
    """
    path.write_bytes(asyncio.run(_taken(browser, site, page, headers)))


async def _taken(browser: str, site: str, page: Page, headers: Mapping[str, str]) -> bytes:
    async with aiohttp.ClientSession() as session, asyncio.timeout(_PATIENCE):
        target = await _new_tab(session, browser)
        async with session.ws_connect(target, max_msg_size=0) as socket:
            tab = _Tab(socket)
            await tab.ask("Network.enable")
            await tab.ask("Network.setExtraHTTPHeaders", headers=dict(headers))
            size = {"width": page.width, "height": page.height, "mobile": False}
            await tab.ask("Emulation.setDeviceMetricsOverride", deviceScaleFactor=1, **size)
            await tab.ask("Page.navigate", url=f"{site}/{page.place}")
            if page.opens is not None:
                heading = _HEADING % json.dumps(page.opens)
                await tab.until(f"{heading} !== undefined")
                await tab.ask("Runtime.evaluate", expression=f"{heading}.click()")
            await tab.until(f"document.body.innerText.includes({json.dumps(page.shows)})")
            if page.opens is not None:
                await tab.ask("Runtime.evaluate", expression=f"{heading}.scrollIntoView()")
            await asyncio.sleep(1)  # animations end
            answer = await tab.ask("Page.captureScreenshot")
            return base64.b64decode(answer["data"])


async def _new_tab(session: aiohttp.ClientSession, browser: str) -> str:
    while True:
        try:
            async with session.put(f"{browser}/json/new?about:blank") as answer:
                return str((await answer.json())["webSocketDebuggerUrl"])
        except aiohttp.ClientConnectionError:
            await asyncio.sleep(0.1)


class _Tab:
    def __init__(self, socket: aiohttp.ClientWebSocketResponse) -> None:
        self._socket, self._asked = socket, 0

    async def ask(self, method: str, **params: Any) -> dict[str, Any]:
        self._asked += 1
        await self._socket.send_json({"id": self._asked, "method": method, "params": params})
        while True:
            said = await self._socket.receive_json()
            if said.get("id") == self._asked:
                return said.get("result", {})

    async def until(self, expression: str) -> None:
        while True:
            answer = await self.ask("Runtime.evaluate", expression=expression)
            if answer["result"].get("value") is True:
                return
            await asyncio.sleep(0.5)
