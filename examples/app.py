"""An app behind countersign, in Python's standard library: python3 examples/app.py [PORT]

It listens on loopback only: whoever could reach it could send these headers too.
"""

import http.server
import json
import sys


class App(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def do_POST(self):
        body = self.rfile.read(int(self.headers["Content-Length"]))
        source = self.headers["Countersign-Source"]
        event_id = self.headers["Countersign-Event-Id"]
        event_type = self.headers.get("Countersign-Event-Type")
        # The work goes here. A crash may bring an event twice: (source, event_id) tells.
        print(f"{source} {event_type} {event_id}: {len(body)} bytes", flush=True)
        # Only a 2xx counts as delivered, so it comes last.
        self.answer(200, {"ok": True})

    def answer(self, status, value):
        body = json.dumps(value).encode()
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_):
        pass


port = int(sys.argv[1]) if len(sys.argv) > 1 else 3000
http.server.ThreadingHTTPServer(("127.0.0.1", port), App).serve_forever()
