"""A receiver of notices: whoever wants to be told of runs needs no more than this.

    python3 receiver.py [--port PORT]

It takes `POST /hook` with the header `Authorization: $HOOK_TOKEN`, prints each notice and adds it to build/told.txt.
"""

import argparse
import hmac
import json
import os
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path

TOLD = Path("build/told.txt")
seen = set()


class Receiver(BaseHTTPRequestHandler):
    def do_POST(self):
        body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
        token = os.environ["HOOK_TOKEN"]
        if not hmac.compare_digest(self.headers.get("Authorization", ""), token):
            # Anything but 200 to 299 says: not received. Ork tries again.
            return self.answer(401)
        if self.path != "/hook":
            return self.answer(404)
        # The same notice may come twice, should an answer be lost; it always has the same id.
        notice = self.headers["Ork-Notice"]
        if notice not in seen:
            self.keep(json.loads(body))
            seen.add(notice)
        self.answer(204)

    def keep(self, notice):
        failed = ", ".join(notice["failed_tasks"]) or "nothing"
        line = f"{notice['title']} (run {notice['status']}, {failed} failed)"
        with TOLD.open("a") as told:
            told.write(line + "\n")
        print(line, flush=True)

    def answer(self, code):
        self.send_response(code)
        self.send_header("Content-Length", "0")
        self.end_headers()

    def log_message(self, *_):
        pass


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--port", type=int, default=4050, help="0 for a free one")
    server = HTTPServer(("127.0.0.1", parser.parse_args().port), Receiver)
    TOLD.parent.mkdir(exist_ok=True)
    print(f"listening at http://127.0.0.1:{server.server_port}/hook", flush=True)
    server.serve_forever()
