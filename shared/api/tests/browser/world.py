"""A folder of workflows and the `ork dev` that serves it, for as long as the tests run."""

import atexit
import json
import os
import pathlib
import re
import shutil
import subprocess
import tempfile
import threading
import time
import urllib.request

HERE = pathlib.Path(__file__).resolve().parent
ROOT = HERE.parents[3]
# `make test-browser` says where these are.
ORK = pathlib.Path(os.environ.get("ORK_COMMAND") or ROOT / "target/debug/ork").resolve()
PICTURES = pathlib.Path(os.environ.get("ORK_PICTURES") or ROOT / "target/screenshots").resolve()
# How long anything may take that a test waits for. A busy machine is slow; nothing here measures.
PATIENCE = 20.0

_direct = urllib.request.build_opener(urllib.request.ProxyHandler({}))


def until(what, condition, patience=PATIENCE):
    """What `condition` returns once that is true; fails with `what` was waited for."""
    end = time.monotonic() + patience
    while True:
        found = condition()
        if found:
            return found
        if time.monotonic() > end:
            raise AssertionError(f"waited {patience:.0f} s in vain for {what}; at last: {found!r}")
        time.sleep(0.04)


class World:
    """`ork dev` on a copy of a folder, at a free port."""

    def __init__(self, workflows=HERE / "workflows"):
        self.folder = pathlib.Path(tempfile.mkdtemp(prefix="ork-browser-"))
        shutil.copytree(workflows, self.folder, dirs_exist_ok=True)
        self.said = []
        place = threading.Event()
        self.process = subprocess.Popen(
            [str(ORK), "dev", str(self.folder), "--port", "0"],
            cwd=self.folder,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.PIPE,
            text=True,
        )
        atexit.register(self.stop)
        self.base = None

        def listen():
            for line in self.process.stderr:
                self.said.append(line)
                found = re.search(r"pages at (http://127\.0\.0\.1:\d+)", line)
                if found:
                    self.base = found.group(1)
                    place.set()
            place.set()

        self.listener = threading.Thread(target=listen, daemon=True)
        self.listener.start()
        place.wait(PATIENCE)
        if self.base is None:
            self.stop()
            raise AssertionError("`ork dev` did not say where its pages are:\n" + "".join(self.said))

    def ask(self, path, body=None):
        """What the API answers; with a body, to a POST."""
        data = None if body is None else json.dumps(body).encode()
        request = urllib.request.Request(self.base + path, data, {"content-type": "application/json"})
        with _direct.open(request, timeout=PATIENCE) as answer:
            return json.load(answer)

    def start(self, workflow, **params):
        """Begins a run; its id."""
        return self.ask(f"/api/workflows/{workflow}/runs", {"params": params})["run_id"]

    def run(self, run):
        return self.ask(f"/api/runs/{run}")

    def ended(self, run, *statuses):
        """The run, once it has one of the statuses."""

        def look():
            found = self.run(run)
            return found if found["status"] in statuses else None

        return until(f"run {run} to be {' or '.join(statuses)}", look)

    def touch(self, name):
        (self.folder / name).touch()

    def stop(self):
        if self.process.poll() is None:
            self.process.terminate()
            try:
                self.process.wait(10)
            except subprocess.TimeoutExpired:
                self.process.kill()
                self.process.wait()
        self.listener.join(10)
        self.process.stderr.close()
        shutil.rmtree(self.folder, ignore_errors=True)
