"""A real browser, without a window, for pages that were written to files."""

from __future__ import annotations

import os
import shutil
import socket
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Dict, Iterator, List, Optional, Tuple

import pytest

# Set where a missing browser shall be a failure, not a reason to skip.
DEMAND = "PSCHEDULER_BATCH_TEST_BROWSER"
NAMES = ("chromium", "chromium-browser", "google-chrome")
TIME_LIMIT = 20  # seconds; only what hangs needs them
POLL = 0.02


def browser_programs() -> Tuple[str, str]:
    """Find the browser and its driver; skips the test, or fails it where they are demanded."""
    browser = next((found for found in map(shutil.which, NAMES) if found), None)
    driver = shutil.which("chromedriver")
    missing = [name for name, found in (("chromium", browser), ("chromedriver", driver)) if not found]
    try:
        import selenium  # noqa: F401, PLC0415 - only to see whether it is there
    except ImportError:
        missing.append("selenium")
    if missing or not browser or not driver:
        reason = f"there is no {' and no '.join(missing)} here"
        if os.environ.get(DEMAND):
            pytest.fail(f"{reason}, and {DEMAND} is set")
        pytest.skip(reason)
    return browser, driver


class Browser:
    """
    A browser with one page.

    Attributes:
        driver: Selenium's driver, for whatever has no method here.
    """

    def __init__(self, driver: Any) -> None:
        """Take a driver."""
        self.driver = driver

    def show(self, page: Path, fragment: str = "", *, width: int = 1280, dark: bool = False) -> None:
        """Open a file in a window of some width; what the last page had to complain is forgotten."""
        feature = {"name": "prefers-color-scheme", "value": "dark" if dark else "light"}
        self.command("Emulation.setEmulatedMedia", features=[feature])
        metrics = {"width": width, "height": 900, "deviceScaleFactor": 1, "mobile": width < 500}
        self.command("Emulation.setDeviceMetricsOverride", **metrics)
        # A page that differs by its fragment alone would not be loaded again.
        self.driver.get("about:blank")
        self.complaints()
        self.driver.get(page.as_uri() + fragment)

    def command(self, name: str, **arguments: Any) -> Dict[str, Any]:
        """Send the browser a command of its developer tools."""
        given: Dict[str, Any] = self.driver.execute_cdp_cmd(name, arguments)
        return given

    def run(self, script: str, *arguments: Any) -> Any:
        """Run a script in the page; it gives what it returns."""
        return self.driver.execute_script(script, *arguments)

    def wait_for(self, script: str, *arguments: Any) -> Any:
        """Run a script until it returns something that is true."""
        from selenium.webdriver.support.ui import WebDriverWait  # noqa: PLC0415 - not everybody has it

        return WebDriverWait(self.driver, TIME_LIMIT, POLL).until(lambda _: self.run(script, *arguments))

    def find(self, selector: str) -> Any:
        """Find the first element of a selector."""
        return self.driver.find_element("css selector", selector)

    def texts(self, selector: str) -> List[str]:
        """Return the texts that can be seen, of the elements of a selector that can be seen."""
        script = (
            "return [...document.querySelectorAll(arguments[0])].filter(e => e.checkVisibility()).map(e => e.innerText)"
        )
        found: List[str] = self.run(script, selector)
        return found

    def complaints(self) -> List[str]:
        """Return what the console says since the last time, from warnings on."""
        return [entry["message"] for entry in self.driver.get_log("browser") if entry["level"] in {"WARNING", "SEVERE"}]

    def chart(self, index: int) -> Any:
        """Draw a plot, the first one being 0, and give its datasets as the library has them."""
        self.run("document.querySelectorAll('canvas')[arguments[0]].scrollIntoView()", index)
        return self.wait_for(
            "const chart = Chart.getChart(document.querySelectorAll('canvas')[arguments[0]]);"
            "return chart && chart.data.datasets.map(({label, data}) => ({label, data}))",
            index,
        )


@contextmanager
def open_browser(folder: Path) -> Iterator[Browser]:
    """
    Start a browser; when it is over, nothing of it is left.

    Args:
        folder: Where it may keep its files.
    """
    browser, program = browser_programs()
    from selenium.webdriver import Chrome, ChromeOptions  # noqa: PLC0415 - not everybody has it
    from selenium.webdriver.chrome.service import Service  # noqa: PLC0415

    options = ChromeOptions()
    options.binary_location = browser
    switches = ["--headless=new", "--disable-gpu", "--disable-dev-shm-usage", "--no-first-run", "--disable-sync"]
    # What it fetches for itself is not what is tested; the browser's own sandbox does not work for root.
    switches += ["--disable-background-networking", "--disable-component-update", f"--user-data-dir={folder}"]
    for switch in [*switches, *(["--no-sandbox"] if os.geteuid() == 0 else [])]:
        options.add_argument(switch)
    options.set_capability("goog:loggingPrefs", {"browser": "ALL"})
    driver = Chrome(options=options, service=Service(program))
    try:
        driver.set_page_load_timeout(TIME_LIMIT)
        driver.set_script_timeout(TIME_LIMIT)
        yield Browser(driver)
    finally:
        driver.quit()


class Trap:
    """
    A port of this machine that notes whether anything connects to it.

    Attributes:
        address: Host and port.
    """

    def __init__(self) -> None:
        """Listen."""
        self._socket = socket.create_server(("127.0.0.1", 0))
        self.address = f"127.0.0.1:{self._socket.getsockname()[1]}"

    def visited(self, seconds: Optional[float] = None) -> bool:
        """
        Return whether a client has connected.

        Args:
            seconds: How long to wait for it at most; None asks only for what has come already.
        """
        self._socket.settimeout(seconds or 0)
        try:
            self._socket.accept()[0].close()
        except (BlockingIOError, socket.timeout):
            return False
        return True

    def close(self) -> None:
        """Stop listening."""
        self._socket.close()
