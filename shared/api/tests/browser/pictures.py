"""Makes the pictures in docs/images anew, from examples that run: `make screenshots`."""

import pathlib
import shutil
import sys
import tempfile

from browser import Browser, missing
from world import ROOT, World, until

IMAGES = ROOT / "docs" / "images"
EXAMPLES = ("quickstart", "conditions", "branches-and-joins", "fan-out", "schedules", "typed")
WIDE, HIGH = 1100, 900
MOST = 150 * 1024
WRONG = """\
name: orders
params:
  day: {type: date, default: "{{ slot | date }}"}
tasks:
  fetch:
    executor: python
    file: orders.py
    function: fetch
    retry: 3
  report:
    executor: python
    file: orders.py
    function: report
    depends_on: [fetched]
    input: {orders: "{{ tasks.fetch.output }}"}
"""


def folder():
    """The examples side by side, as one project."""
    place = pathlib.Path(tempfile.mkdtemp(prefix="ork-pictures-"))
    for name in EXAMPLES:
        shutil.copytree(ROOT / "examples" / name, place, dirs_exist_ok=True, ignore=shutil.ignore_patterns(".ork", "build", "expected"))
        (place / "workflow.yaml").rename(place / f"{name}.yaml")
    (place / "mismatch.yaml").unlink()
    return place


class Pictures:
    def __init__(self, world, page):
        self.world, self.page = world, page

    def take(self, name, path, scheme="light", ready=lambda: True, high=HIGH):
        """A picture of a page, as high as what is on it."""
        page = self.page
        page.media(scheme)
        page.screen(WIDE, high)
        page.open(path)
        until(f"what {name} shows", ready, 60)
        content = page.js("return Math.ceil(document.querySelector('footer').getBoundingClientRect().top - 16)")
        page.screen(WIDE, min(content, high))
        picture = page.picture()
        if len(picture) > MOST:
            sys.exit(f"{name}.png has {len(picture)} bytes, and pictures of documents have {MOST} at most")
        IMAGES.mkdir(exist_ok=True)
        (IMAGES / f"{name}.png").write_bytes(picture)
        print(f"docs/images/{name}.png  {len(picture) / 1024:.0f} KiB")

    def all(self):
        world, page = self.world, self.page
        over = ("success", "failed")
        for total, payment in ((120, "ok"), (20, "ok"), (250, "declined"), (80, "ok"), (120, "ok")):
            run = world.start("conditions", total=total, payment=payment, country="US")
            if world.ended(run, *over)["status"] == "failed":
                failed = run
        for _ in range(4):
            quick = world.start("quickstart")
            world.ended(quick, "success")
        world.ended(world.start("branches_and_joins"), "success")
        self.take("graph", f"/runs/{run}/graph")
        self.take("graph-dark", f"/runs/{run}/graph", "dark")
        self.take("gantt", f"/runs/{quick}/gantt")
        self.take("failed", f"/runs/{failed}", high=1100)
        self.take("workflow", "/workflows/quickstart", high=1000)
        self.take("start", "/workflows/typed/start")
        self.take("grid", "/workflows/conditions/grid")
        page.open("/submit")
        self.take("submit", "/submit", ready=self.mistyped, high=1000)
        many = world.start("fan_out", items=4000)
        self.take("run", f"/runs/{many}", ready=lambda: page.js("return document.querySelector('.tasks progress')?.value > 1500"))
        self.take("run-dark", f"/runs/{many}", "dark")
        self.take("home", "/")
        world.ask(f"/api/runs/{many}/cancel", {})
        world.ended(many, "cancelled")

    def mistyped(self):
        page = self.page
        if not page.js("return document.querySelector('#text').value"):
            page.one("#text").send_keys(WRONG)
            page.js("document.querySelector('#text').blur()")
        return page.all("#found pre")


def main():
    lacks = missing()
    if lacks:
        sys.exit(f"the pictures need {lacks}")
    place = folder()
    try:
        world = World(place)
        Pictures(world, Browser(world.base)).all()
    finally:
        shutil.rmtree(place)


if __name__ == "__main__":
    main()
