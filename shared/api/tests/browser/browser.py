"""Headless Chromium with what the tests ask of it: its console, what it fetches, its media, its screen."""

import atexit
import base64
import json
import os
import shutil
import tempfile

from world import PATIENCE, until

# Whatever the environment says of proxies, nothing here leaves this machine.
os.environ["NO_PROXY"] = os.environ["no_proxy"] = "127.0.0.1,localhost"
os.environ["SE_OFFLINE"] = os.environ["SE_AVOID_STATS"] = "true"

WIDE, HIGH = 1280, 900
TAB, ENTER, SPACE = "\ue004", "\ue007", "\ue00d"
CHROMIUMS = ("chromium", "chromium-browser", "google-chrome")


def missing():
    """What is not there that these tests need, with how to get it; None if all is."""
    if not any(shutil.which(name) for name in CHROMIUMS):
        return "chromium (Debian, Ubuntu: apt install chromium)"
    if not shutil.which("chromedriver"):
        return "chromedriver (Debian, Ubuntu: apt install chromium-driver)"
    try:
        import selenium  # noqa: F401
    except ImportError:
        return "selenium (pip install selenium)"
    return None


class Browser:
    """One window, which every test leaves as it found it."""

    def __init__(self, base):
        from selenium import webdriver
        from selenium.webdriver.chrome.service import Service

        self.base = base
        self.profile = tempfile.mkdtemp(prefix="ork-chromium-")
        options = webdriver.ChromeOptions()
        options.binary_location = next(filter(None, map(shutil.which, CHROMIUMS)))
        for argument in (
            "--headless=new",
            "--no-sandbox",
            "--disable-dev-shm-usage",
            "--disable-gpu",
            "--disable-background-networking",
            "--disable-component-update",
            "--disable-sync",
            "--no-first-run",
            "--no-proxy-server",
            "--force-color-profile=srgb",
            "--hide-scrollbars",
            "--lang=en",
            f"--user-data-dir={self.profile}",
            f"--window-size={WIDE},{HIGH}",
        ):
            options.add_argument(argument)
        options.set_capability("goog:loggingPrefs", {"browser": "ALL", "performance": "ALL"})
        options.set_capability("unhandledPromptBehavior", "ignore")
        atexit.register(self.stop)
        self.driver = None
        self.driver = webdriver.Chrome(options, Service(shutil.which("chromedriver")))
        self.driver.set_page_load_timeout(PATIENCE)
        self.driver.set_script_timeout(PATIENCE)
        self.screen()

    def stop(self):
        if self.driver is not None:
            self.driver.quit()
            self.driver = None
        shutil.rmtree(self.profile, ignore_errors=True)

    # Going about.

    def open(self, path):
        self.driver.get(self.base + path)

    def path(self):
        return self.driver.current_url.removeprefix(self.base)

    def js(self, script, *arguments):
        return self.driver.execute_script(script, *arguments)

    def later(self, script, *arguments):
        """What the script hands to its last argument."""
        return self.driver.execute_async_script(script, *arguments)

    def all(self, selector):
        return self.driver.find_elements("css selector", selector)

    def one(self, selector):
        return until(f"`{selector}` on {self.path()}", lambda: (self.all(selector) or [None])[0])

    def text(self, selector="main"):
        """What one reads there; of one look, for the page may exchange it at any time."""
        return self.js("return document.querySelector(arguments[0])?.innerText ?? ''", selector)

    def click(self, text, within="main"):
        """Clicks the link or button that says `text`, even while the page exchanges its parts."""
        from selenium.common.exceptions import StaleElementReferenceException

        def look():
            try:
                for one in self.all(f"{within} a, {within} button, {within} summary"):
                    if one.text.strip() == text and one.is_displayed():
                        one.click()
                        return True
            except StaleElementReferenceException:
                pass
            return False

        until(f"something to click that says {text!r} on {self.path()}", look)

    def dialog(self, text=None):
        """The question that the page asks, or asks when one clicks what says `text`. A click on a part that is exchanged at that moment is nobody's: one clicks again."""
        from selenium.common.exceptions import NoAlertPresentException

        def asked():
            try:
                return self.driver.switch_to.alert
            except NoAlertPresentException:
                return None

        for _ in range(5 if text else 0):
            self.click(text)
            try:
                return until(f"a question of {text!r}", asked, 4)
            except AssertionError:
                continue
        return until("a question", asked)

    def keys(self, *keys):
        from selenium.webdriver import ActionChains

        chain = ActionChains(self.driver)
        for key in keys:
            chain.send_keys(key)
        chain.perform()

    # What it looks like.

    def screen(self, wide=WIDE, high=HIGH):
        self.cdp("Emulation.setDeviceMetricsOverride", width=wide, height=high, deviceScaleFactor=1, mobile=False)

    def media(self, scheme):
        """By day (`light`) or by night (`dark`), without movement."""
        features = [{"name": "prefers-color-scheme", "value": scheme}, {"name": "prefers-reduced-motion", "value": "reduce"}]
        self.cdp("Emulation.setEmulatedMedia", features=features)

    def picture(self, whole=False):
        """A PNG of what is on the screen."""
        extent = {"captureBeyondViewport": True} if whole else {}
        return base64.b64decode(self.cdp("Page.captureScreenshot", format="png", **extent)["data"])

    def look_at(self, script, picture):
        """What the script finds in a PNG; browsers can read them."""
        return self.later(script, base64.b64encode(picture).decode())

    # What it noticed.

    def cdp(self, command, **arguments):
        return self.driver.execute_cdp_cmd(command, arguments)

    def console(self):
        """What it has complained about since this was last asked."""
        return [entry["message"] for entry in self.driver.get_log("browser") if entry["level"] in ("SEVERE", "WARNING")]

    def traffic(self):
        """Events of the network since this was last asked, as (method, params)."""
        messages = (json.loads(entry["message"])["message"] for entry in self.driver.get_log("performance"))
        return [(one["method"], one["params"]) for one in messages if one["method"].startswith("Network.")]
