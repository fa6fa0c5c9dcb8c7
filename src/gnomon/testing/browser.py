"""A real browser for tests of the web page: headless Chromium with a profile of its own.

::

    with browser.Chromium(language="zh-CN") as page:
        page.open(url)
        page.wait("return document.querySelectorAll('canvas').length > 3")

Both programs come from Debian (`chromium`, `chromium-driver`); nothing is ever downloaded. Where
one is missing `Missing` is raised, which pytest and unittest show as a skipped test.
"""

from __future__ import annotations

import shutil
import tempfile
import unittest
from pathlib import Path
from typing import Any, Self

from selenium import webdriver  # deptry: ignore[DEP004]  # only tests come here

from gnomon.core.clock import SystemClock

BROWSERS = ("/usr/bin/chromium", "/usr/bin/chromium-browser", "/usr/bin/google-chrome")
DRIVERS = ("/usr/bin/chromedriver", "/usr/lib/chromium/chromedriver")
PATIENCE = 20.0
"""Seconds a page may take until it shows what is waited for."""
PHONE = 600
"""Widths up to this are shown as a phone shows them."""

_ARGUMENTS = (
    "--headless=new",
    "--no-sandbox",  # tests may run as root, and open only pages of their own
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--disable-dev-shm-usage",
    "--hide-scrollbars",
)


class Missing(unittest.SkipTest):
    """The browser or its driver is not installed here; the message says which package has it."""


class Chromium:
    """One browser with one page. Close it, or use it in a `with`."""

    def __init__(
        self, width: int = 1440, height: int = 900, *, language: str = "en-US", dark: bool = False
    ) -> None:
        """`language` and `dark` are what the browser says its user wants."""
        options = webdriver.ChromeOptions()
        options.binary_location = _installed(BROWSERS, "chromium")
        driver = _installed(DRIVERS, "chromium-driver")
        self._profile = tempfile.mkdtemp(prefix="gnomon-browser-")
        for argument in (*_ARGUMENTS, f"--user-data-dir={self._profile}", f"--lang={language}"):
            options.add_argument(argument)
        options.add_experimental_option("prefs", {"intl.accept_languages": language})  # pyright: ignore[reportUnknownMemberType]
        options.set_capability("goog:loggingPrefs", {"browser": "ALL"})
        try:
            self.driver = webdriver.Chrome(options=options, service=webdriver.ChromeService(driver))
        except BaseException:
            shutil.rmtree(self._profile, ignore_errors=True)
            raise
        self.driver.set_page_load_timeout(PATIENCE)
        self.driver.set_script_timeout(PATIENCE)
        self.size(width, height)
        self.prefer("prefers-color-scheme", "dark" if dark else "light")

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *error: object) -> None:
        self.close()

    def close(self) -> None:
        """Ends the browser and removes its profile."""
        self.driver.quit()
        shutil.rmtree(self._profile, ignore_errors=True)

    def size(self, width: int, height: int) -> None:
        """Shows the page in a window of so many CSS pixels."""
        metrics = {"width": width, "height": height, "deviceScaleFactor": 1}
        self._command("Emulation.setDeviceMetricsOverride", metrics | {"mobile": width <= PHONE})

    def prefer(self, feature: str, value: str) -> None:
        """Sets a preference of the user: `prefer("prefers-reduced-motion", "reduce")`."""
        features = [{"name": feature, "value": value}]
        self._command("Emulation.setEmulatedMedia", {"features": features})

    def forget(self) -> None:
        """Empties the cache, as if no page had been seen before."""
        self._command("Network.clearBrowserCache", {})

    def open(self, url: str) -> None:
        """Goes to an address and waits until it is loaded."""
        self.driver.get(url)

    def run(self, script: str, *arguments: Any) -> Any:
        """What a script returns."""
        return self.driver.execute_script(script, *arguments)  # pyright: ignore[reportUnknownMemberType]

    def wait(self, script: str, *arguments: Any) -> Any:
        """Asks until the script returns something that is true, and returns that."""
        clock = SystemClock()
        end = clock.monotonic() + PATIENCE
        while not (found := self.run(script, *arguments)):
            if clock.monotonic() > end:
                raise AssertionError(f"not so after {PATIENCE} s: {script}")
            clock.sleep(0.05)
        return found

    def press(self, *keys: str) -> None:
        """Types, wherever the focus is."""
        for key in keys:
            webdriver.ActionChains(self.driver).send_keys(key).perform()

    def drag(self, selector: str, start: float, end: float) -> None:
        """Drags the pointer over an element, from one fraction of its width to another."""
        middle = (start + end) / 2
        self._point("mouseMoved", selector, start)
        self._point("mousePressed", selector, start, buttons=1)
        self._point("mouseMoved", selector, middle, buttons=1)
        self._point("mouseMoved", selector, end, buttons=1)
        self._point("mouseReleased", selector, end)

    def hover(self, selector: str, fraction: float) -> None:
        """Moves the pointer onto an element, at a fraction of its width."""
        self._point("mouseMoved", selector, fraction)

    def _point(self, kind: str, selector: str, fraction: float, buttons: int = 0) -> None:
        box = self.wait(
            "const e = document.querySelector(arguments[0]); const {top, bottom} = e?.getBoundingClientRect() ?? {};"
            "if (top < 0 || bottom > innerHeight) e.scrollIntoView({block: 'center'});"
            "const r = e?.getBoundingClientRect(); return r && [r.left, r.top, r.width, r.height]",
            selector,
        )
        left, top, width, height = box
        where = {"x": left + width * fraction, "y": top + height / 2}
        press = {"button": "left", "buttons": buttons, "clickCount": 1}
        self._command("Input.dispatchMouseEvent", {"type": kind} | where | press)

    def complaints(self) -> list[str]:
        """Errors and warnings on the console since this was last asked."""
        entries = self.driver.get_log("browser")  # pyright: ignore[reportUnknownMemberType, reportUnknownVariableType]
        return [str(entry["message"]) for entry in entries if entry["level"] != "INFO"]  # pyright: ignore[reportUnknownArgumentType, reportUnknownVariableType]

    def shot(self, path: Path) -> None:
        """Writes a picture of the page."""
        path.write_bytes(self.driver.get_screenshot_as_png())

    def _command(self, name: str, arguments: dict[str, Any]) -> None:
        self.driver.execute_cdp_cmd(name, arguments)  # pyright: ignore[reportUnknownMemberType]


def _installed(places: tuple[str, ...], package: str) -> str:
    for place in places:
        if Path(place).exists():
            return place
    raise Missing(f"no {places[0]}: apt-get install {package}")
