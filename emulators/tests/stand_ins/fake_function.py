#!/usr/bin/env python3
"""Stands for `ork-service ROLE` in tests: serves, notes what it is sent, and ends as it is told by files beside it."""

import http.server
import json
import os
import pathlib
import signal
import subprocess
import sys
import urllib.request

role = sys.argv[1]
here = pathlib.Path(__file__).parent


def note(file, text):
    with open(here / file, "a") as lines:
        lines.write(text + "\n")


(here / f"{role}.env").write_text(json.dumps(dict(os.environ)))
if role == "worker":
    print("the worker was here", flush=True)
    sys.exit(0)

if (here / f"{role}.taken").exists():
    (here / f"{role}.taken").unlink()
    sys.exit(f"port {os.environ['PORT']} cannot be listened on: Address already in use")
if (here / f"{role}.broken").exists():
    sys.exit("ORK_REGION is not set")

# Part of the same group, as what a program starts usually is.
child = subprocess.Popen(["sleep", "1000"])
note("pids", f"{os.getpid()}\n{child.pid}")


def stop(*_):
    if (here / f"{role}.stubborn").exists():
        note("stopped", f"{role} does not want to")
        return
    # What it needs is still there.
    url = os.environ["STORAGE_EMULATOR_HOST"] + "/storage/v1/b?project=p"
    with urllib.request.urlopen(url, timeout=5) as answer:
        note("stopped", f"{role} {answer.status}")
    os._exit(0)


signal.signal(signal.SIGTERM, stop)


class Handler(http.server.BaseHTTPRequestHandler):
    def answer(self):
        body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        if self.command == "POST":
            note(f"{role}.posts", json.dumps([self.path, body.decode()]))
        self.send_response(200)
        self.send_header("Content-Length", "0")
        self.end_headers()

    do_GET = do_POST = answer

    def log_message(self, *_):
        pass


print(f"{role} is ready", flush=True)
http.server.ThreadingHTTPServer(("127.0.0.1", int(os.environ["PORT"])), Handler).serve_forever()
