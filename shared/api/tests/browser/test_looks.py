"""Every page by day and by night, wide and narrow: accessible, within its screen, not blank, light."""

import importlib.util
import unittest
from pathlib import Path

from browser import HIGH, WIDE
from support import PICTURES, PageTest, figure, setUpModule, tearDownModule  # noqa: F401
from world import until

NARROW = 380
# The script that the package brings; the package itself drives another browser and is not loaded.
AXE = Path(importlib.util.find_spec("axe_playwright_python").origin).with_name("axe.min.js").read_text(encoding="utf-8")
CHECK = """
const [rules, done] = arguments;
const only = rules ? {runOnly: {type: 'rule', values: rules}} : {};
axe.run(document, {...only, resultTypes: ['violations'], elementRef: false}).then(
  found => done(found.violations.filter(one => ['serious', 'critical'].includes(one.impact))
    .map(one => `${one.id} (${one.impact}): ${one.help}: ${one.nodes.slice(0, 3).map(node => node.html.slice(0, 200)).join(' | ')}`)),
  failed => done(['axe failed: ' + failed]));
"""
# What is wider than the screen although nothing around it scrolls.
TOO_WIDE = """
const page = document.documentElement;
if (page.scrollWidth <= innerWidth) return [];
const scrolls = one => { for (let up = one.parentElement; up; up = up.parentElement) if (/auto|scroll|hidden/.test(getComputedStyle(up).overflowX)) return true; };
const wide = [...document.querySelectorAll('body *')].filter(one => one.getBoundingClientRect().right > innerWidth + 1 && !scrolls(one));
return [page.scrollWidth + ' px', ...wide.slice(-3).map(one => one.outerHTML.slice(0, 120))];
"""
# How many colours a picture has, roughly, and how light it is.
COLOURS = """
const [data, done] = arguments;
const image = new Image();
image.onerror = () => done({error: 'it is no picture'});
image.onload = () => {
  const canvas = document.createElement('canvas');
  canvas.width = image.width; canvas.height = image.height;
  const context = canvas.getContext('2d');
  context.drawImage(image, 0, 0);
  const {data: pixels} = context.getImageData(0, 0, image.width, image.height);
  const colours = new Map();
  let light = 0;
  for (let at = 0; at < pixels.length; at += 4) {
    const key = (pixels[at] << 16) | (pixels[at + 1] << 8) | pixels[at + 2];
    colours.set(key, (colours.get(key) || 0) + 1);
    light += (pixels[at] + pixels[at + 1] + pixels[at + 2]) / 3;
  }
  const all = pixels.length / 4;
  done({wide: image.width, high: image.height, colours: colours.size, light: light / all, most: Math.max(...colours.values()) / all});
};
image.src = 'data:image/png;base64,' + data;
"""


class Looks(PageTest):
    expects = ("/nothing/here - Failed to load resource: the server responded with a status of 404",)

    def some_of_everything(self):
        """The address of every page, of runs in every state, by the name of its picture."""
        world = self.world
        done = world.start("gated", gate="open-looks")
        world.touch("open-looks")
        world.ended(done, "success")
        failed = world.start("hostile")
        world.ended(failed, "failed")
        told = world.start("told")
        until("its notice", lambda: [one["state"] for one in world.run(told).get("notices", [])] == ["gave_up"])
        waits = self.gated("never")
        until("its gate", lambda: world.ask(f"/api/runs/{waits}/tasks/gate")["status"] == "running")
        return {
            "home": "/",
            "runs": "/runs",
            "runs-none": "/runs?workflow=unheard_of",
            "run-running": f"/runs/{waits}",
            "run-success": f"/runs/{done}",
            "run-failed": f"/runs/{failed}",
            "run-told": f"/runs/{told}",
            "graph-running": f"/runs/{waits}/graph",
            "graph-failed": f"/runs/{failed}/graph",
            "gantt": f"/runs/{done}/gantt",
            "cancel": f"/runs/{waits}/cancel",
            "recover": f"/runs/{failed}/recover",
            "task-fan": f"/runs/{done}/tasks/follow",
            "task-failed": f"/runs/{failed}/tasks/fails",
            "mark": f"/runs/{failed}/tasks/fails/mark-success",
            "instance": f"/runs/{done}/tasks/follow/at/1",
            "log": f"/runs/{failed}/tasks/speaks/at/0/log",
            "log-search": f"/runs/{failed}/tasks/speaks/at/0/log?q=script",
            "inputs": f"/runs/{failed}/tasks/speaks/at/0/inputs",
            "workflows": "/workflows",
            "workflow": "/workflows/gated",
            "start": "/workflows/gated/start",
            "versions": "/workflows/gated/versions",
            "grid": "/workflows/gated/grid",
            "jobs": "/jobs",
            "pools": "/pools",
            "backfill": "/workflows/gated/backfill",
            "submit": "/submit",
            "uploads": "/uploads",
            "audit": "/audit",
            "keys": "/keys",
            "cost": "/cost",
            "problem": "/nothing/here",
        }

    def test_every_page_is_accessible_drawn_and_within_its_screen(self):
        PICTURES.mkdir(parents=True, exist_ok=True)
        page = self.page
        self.with_axe()
        for name, path in self.some_of_everything().items():
            with self.subTest(name):
                page.screen()
                page.media("light")
                page.open(path)
                self.assertEqual(page.later(CHECK, None), [], "by day")
                light = self.keep(f"{name}-light")
                page.media("dark")
                self.assertEqual(page.later(CHECK, ["color-contrast"]), [], "by night")
                dark = self.keep(f"{name}-dark")
                self.assertGreater(light["light"], 200, light)
                self.assertLess(dark["light"], 60, dark)
                page.media("light")
                page.screen(NARROW, 800)
                self.assertEqual(page.js(TOO_WIDE), [], f"at {NARROW} px")
                self.keep(f"{name}-narrow", NARROW, 800)

    def with_axe(self):
        """What is opened from now on has axe-core in it."""
        script = self.page.cdp("Page.addScriptToEvaluateOnNewDocument", source=AXE)
        self.addCleanup(self.page.cdp, "Page.removeScriptToEvaluateOnNewDocument", **script)

    def keep(self, name, wide=WIDE, high=HIGH):
        """Keeps a picture of the screen, and says how it looks; fails where that is broken."""
        picture = self.page.picture()
        (PICTURES / f"{name}.png").write_bytes(picture)
        look = self.page.look_at(COLOURS, picture)
        self.assertEqual((look["wide"], look["high"]), (wide, high), name)
        # Letters have softened edges: a page with a line of text has dozens of colours, a page without its style few.
        self.assertGreater(look["colours"], 60, f"{name}: {look}")
        self.assertLess(look["most"], 0.995, f"{name}: {look}")
        return look

    def test_these_checks_find_what_is_wrong(self):
        page = self.page
        self.with_axe()
        page.open("/runs")
        page.js("""
            document.querySelector('.filter button').textContent = '';
            document.querySelector('.filter label').style.color = '#ccc';
            document.querySelector('.filter label').style.background = '#fff';""")
        found = [one.split(" ")[0] for one in page.later(CHECK, None)]
        self.assertIn("button-name", found)
        self.assertIn("color-contrast", found)
        self.assertEqual(page.js(TOO_WIDE), [])
        page.js("document.querySelector('h1').style.width = '3000px'")
        self.assertNotEqual(page.js(TOO_WIDE), [])
        page.js("""document.querySelector('h1').innerHTML = '<i style="color: red" onclick="alert(1)">x</i>';
            return fetch('http://localhost:9/').catch(() => null)""")
        kept = [one for one in page.console() if "Content Security Policy" in one]
        self.assertGreaterEqual(len(kept), 3, "a style, a script and a stranger are each refused")
        page.js("document.body.style.display = 'none'")
        blank = page.look_at(COLOURS, page.picture())
        self.assertLess(blank["colours"], 60)

    def test_the_first_page_is_small_and_soon_there(self):
        page = self.page
        page.cdp("Network.clearBrowserCache")
        page.open("/")
        times = until("its first paint", lambda: page.js("""
            const [load] = performance.getEntriesByType('navigation');
            const [paint] = performance.getEntriesByName('first-contentful-paint');
            return paint && [load.responseEnd - load.requestStart, load.domContentLoadedEventEnd, paint.startTime].map(Math.round)"""))
        ended = {}
        until("its parts", lambda: ended.update(bytes_of(page)) or len(ended) >= 5)
        self.assertLessEqual(sum(ended.values()), 60 * 1024, ended)
        figure(f"first page: {sum(ended.values()) / 1024:.1f} KiB in {len(ended)} requests; "
               f"answered in {times[0]} ms, usable after {times[1]} ms, painted after {times[2]} ms")


def bytes_of(page):
    """What crossed the wire, by request."""
    return {what["requestId"]: what["encodedDataLength"] for name, what in page.traffic() if name == "Network.loadingFinished"}


if __name__ == "__main__":
    unittest.main()
