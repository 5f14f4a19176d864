"""The real binary, a recording app behind it, and a connection to send with."""

import base64
import http.client
import json
import os
import pathlib
import re
import subprocess
import tempfile
import threading
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

BINARY = os.environ.get("COUNTERSIGN_BIN") or str(pathlib.Path(__file__).parent.parent / "debug" / "countersign")
START_LIMIT = 20  # seconds
LISTENING = re.compile(rb"^(?!.*outbound).*listening\b.*?127\.0\.0\.1:(\d+)")
LISTENING_TO_THE_APP = re.compile(rb"outbound listening\b.*?127\.0\.0\.1:(\d+)")


@dataclass
class Answer:
    status: int
    headers: object
    body: bytes


@dataclass
class Request:
    method: str
    target: str
    headers: object
    body: bytes


class App:
    """An app that keeps every request and answers what `answer` says."""

    def __init__(self):
        self.answer = Answer(200, {"Content-Type": "text/plain"}, b"ok")
        self.received = []
        app = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"
            disable_nagle_algorithm = True

            def do_POST(self):
                body = self.rfile.read(int(self.headers["Content-Length"] or 0))
                app.received.append(Request("POST", self.path, self.headers, body))
                self.send_response(app.answer.status)
                for name, value in {**app.answer.headers, "Content-Length": len(app.answer.body)}.items():
                    self.send_header(name, value)
                self.end_headers()
                self.wfile.write(app.answer.body)

            def log_message(self, *_):
                pass

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self.server.server_port}"
        threading.Thread(target=self.server.serve_forever, daemon=True).start()

    def taken(self):
        """What arrived since the last call."""
        received, self.received = self.received, []
        return received


class Gateway:
    """`countersign run` with this configuration (JSON is YAML) and these secrets in its environment.

    Where it has `outbound`, posts go there.
    """

    def __init__(self, config, secrets):
        self.folder = tempfile.TemporaryDirectory(prefix="countersign-interop-")
        self.pattern = LISTENING_TO_THE_APP if "outbound" in config else LISTENING
        sources = config.get("inbound", {}).get("sources", {}).values()
        if "outbound" in config or any(source.get("delivery") == "queue" for source in sources):
            config = {**config, "store": {"sqlite": {"path": self.folder.name + "/store.db"}}}
        file = pathlib.Path(self.folder.name, "countersign.yaml")
        file.write_text(json.dumps(config, indent=2), encoding="utf-8")
        self.process = subprocess.Popen(
            [BINARY, "run", "--config", file], env={**os.environ, **secrets},
            stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
        )
        self.port = self.listening()
        self.connection = self.new_connection()

    def new_connection(self):
        return http.client.HTTPConnection("127.0.0.1", self.port, timeout=30)

    def listening(self):
        """The port that the process says it listens on; what it wrote so far is the message if it does not."""
        self.output = b""
        timer = threading.Timer(START_LIMIT, self.process.kill)
        timer.start()
        for line in self.process.stdout:
            self.output += line
            if found := self.pattern.search(line):
                timer.cancel()
                threading.Thread(target=self.keep_output, daemon=True).start()
                return int(found[1])
        timer.cancel()
        raise RuntimeError(f"countersign run does not say where it listens\n{self.output.decode(errors='replace')}")

    def keep_output(self):
        for line in self.process.stdout:
            self.output = (self.output + line)[-2000:]

    def post(self, path, headers, body):
        try:
            self.connection.request("POST", path, body=body, headers=dict(headers))
            answer = self.connection.getresponse()
            return Answer(answer.status, answer.headers, answer.read())
        except Exception:
            self.connection.close()  # the next request opens a new one
            raise

    def stop(self):
        """Its exit code, and the end of what it wrote."""
        self.connection.close()
        self.process.terminate()
        code = self.process.wait(START_LIMIT)
        self.folder.cleanup()
        return code, self.output.decode(errors="replace")


def countersign_sign(scheme, secret, id, type, body):
    """`countersign sign`: the headers and the body that it prints."""
    names = [*(["--event-id", id] if id else []), *(["--event-type", type] if type else [])]
    done = countersign(["sign", "--scheme", scheme, "--secret-env", "SECRET", "--format", "json", *names], secret, body)
    if done.returncode:
        raise RuntimeError(f"countersign sign: exit {done.returncode}: {done.stderr.decode(errors='replace')}")
    made = json.loads(done.stdout)
    return [tuple(it) for it in made["headers"]], base64.b64decode(made["body_base64"])


def countersign_verify(scheme, secret, headers, body):
    """`countersign verify`: its exit code."""
    given = [word for name, value in headers for word in ("-H", f"{name}: {value}")]
    return countersign(["verify", "--scheme", scheme, "--secret-env", "SECRET", *given], secret, body).returncode


def countersign(args, secret, body):
    return subprocess.run([BINARY, *args], input=body, env={**os.environ, "SECRET": secret}, capture_output=True)
