"""What the tests share: one browser and one world for all of them, and what must hold after each."""

import os
import sys
import unittest

from browser import Browser, missing
from world import HERE, ORK, PICTURES, World  # noqa: F401

_shared = []
_figures = []


def figure(text):
    """Something measured: printed at the end, for machines differ."""
    _figures.append(text)


def shared():
    """The world and the browser, made when they are first asked for."""
    if not _shared:
        world = World()
        _shared.extend((world, Browser(world.base)))
    return _shared


def setUpModule():
    """Of every module of tests: they are skipped loudly where something is missing."""
    lacks = missing() or (None if ORK.exists() else f"{ORK} (cargo build -p ork-cli, or ORK_COMMAND=path)")
    if lacks is None:
        return
    if os.environ.get("ORK_REQUIRE_ALL") == "1":
        raise RuntimeError(f"the pages may not go untested (ORK_REQUIRE_ALL=1), and this is missing: {lacks}")
    sys.stderr.write(f"\nSKIPPED the pages in a browser: missing {lacks}\n\n")
    raise unittest.SkipTest(lacks)


def tearDownModule():
    while _figures:
        sys.stderr.write(f"  measured: {_figures.pop(0)}\n")


class PageTest(unittest.TestCase):
    """A test with a window. After each nothing was broken in it: no script of a stranger ran, the policy was kept, nothing left this machine."""

    # What the console may say, because the test asked for it.
    expects = ()

    def setUp(self):
        self.world, self.page = shared()
        self.page.screen()
        self.page.media("light")
        self.page.console()
        self.page.traffic()

    def tearDown(self):
        page = self.page
        self.assertIsNone(page.js("return window.hacked ?? null"), "a script that came as text was run")
        found = [one for one in page.console() if not any(word in one for word in self.expects)]
        self.assertEqual(found, [], "what the console complains about")
        asked = [what["request"]["url"] for name, what in page.traffic() if name == "Network.requestWillBeSent"]
        abroad = [url for url in asked if not url.startswith((page.base + "/", "data:", "about:", "chrome:"))]
        self.assertEqual(abroad, [], "what was asked of others")

    def gated(self, name, **params):
        """A run that waits for the file `name`."""
        run = self.world.start("gated", gate=name, **params)
        self.world.ended(run, "running")
        return run
