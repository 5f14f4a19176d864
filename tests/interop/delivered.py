"""What the running gateway delivers, before receivers that verify it as the senders' documents and libraries do."""

import base64
import json
import queue
import threading
from dataclasses import dataclass
from http.client import HTTPConnection
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

from checks import equal
from corpus import deliveries
from forgeries import forgeries
from gateway import Gateway
from senders import SENDERS, VERIFIERS, scheme_of

LIMIT = 20  # seconds
HOP = {"host", "connection", "content-length"}
EVERYBODY = [*SENDERS, *VERIFIERS]


def delivered(checks):
    """What an app posts arrives, signed so that each receiver takes it; what was changed on the way is refused."""
    receivers = Receivers()
    gateway = Gateway(*configuration(receivers))
    for sender in EVERYBODY:
        ordinary = [it for it in deliveries(sender, f"{sender.name} delivered") if worth_delivering(it)]
        for delivery in ordinary:
            name = f"{sender.name}, {delivery.name}"
            checks.checked(f"{name}: queued", lambda: queued(gateway, receivers, sender, delivery))
            checks.checked(f"{name}: sync", lambda: sync(gateway, receivers, sender, delivery))
        checks.checked(f"{sender.name}: tampered with", lambda: tampered(gateway, receivers, sender, ordinary[0]))
        checks.checked(f"{sender.name}: rotation", lambda: rotation(gateway, sender, ordinary[0]))
    checks.checked("python-jose: risr/advance's envelope", lambda: jws_envelope(gateway, receivers))
    code, output = gateway.stop()
    checks.checked("the gateway stops in peace", lambda: equal(code, 0, f"{output}\nexit code"))
    receivers.server.shutdown()


@dataclass
class Arrived:
    headers: list
    body: bytes
    accepted: bool


class Receivers:
    """A server where each path is one receiver."""

    def __init__(self):
        self.known = {}
        self.arrived = {}
        receivers = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"
            disable_nagle_algorithm = True

            def do_POST(self):
                body = self.rfile.read(int(self.headers["Content-Length"] or 0))
                sender, secret = receivers.known[self.path]
                headers = {name.lower(): value for name, value in self.headers.items()}
                accepted = sender.accepts(secret, headers, body)
                answer = b"OK" if accepted else b"Invalid signature"
                self.send_response(200 if accepted else 401)
                self.send_header("Content-Length", len(answer))
                self.end_headers()
                self.wfile.write(answer)
                receivers.arrived[self.path].put(Arrived(self.headers.items(), body, accepted))

            def log_message(self, *_):
                pass

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.server.handle_error = lambda *_: None  # a kept connection that is reset is nothing to print
        threading.Thread(target=self.server.serve_forever, daemon=True).start()

    def add(self, path, sender, secret):
        """A receiver of this sender's requests, with this secret; returns its URL."""
        self.known[path] = (sender, secret)
        self.arrived[path] = queue.Queue()
        return f"http://127.0.0.1:{self.server.server_port}{path}"

    def next(self, path):
        return self.arrived[path].get(timeout=LIMIT)

    def post(self, path, headers, body):
        """Sends a request past the gateway; returns its status."""
        connection = HTTPConnection("127.0.0.1", self.server.server_port, timeout=LIMIT)
        connection.request("POST", path, body, dict(it for it in headers if it[0].lower() not in HOP))
        status = connection.getresponse().status
        connection.close()
        self.next(path)
        return status


def configuration(receivers):
    """Endpoints for each library: queued, sync, and two in the middle of a rotation, whose receivers know one secret each."""
    endpoints, secrets = {}, {}

    def reference(text):
        name = f"SECRET_{len(secrets)}"
        secrets[name] = text
        return {"env": name}

    def add(sender, what, known, **more):
        url = receivers.add(f"/{sender.name}/{what}", sender, known)
        endpoint = {"url": url, "scheme": scheme_of(sender), "secrets": [reference(sender.secret)], "retry": "none"}
        endpoints[f"{sender.name}-{what}"] = {**endpoint, **more}

    for sender in EVERYBODY:
        old = sender.secret_of("an old secret of the receiver")
        both = [reference(sender.secret), reference(old)]
        add(sender, "queue", sender.secret)
        add(sender, "sync", sender.secret, delivery="sync")
        add(sender, "new", sender.secret, delivery="sync", secrets=both)
        add(sender, "old", old, delivery="sync", secrets=both)
        if sender.name == "python-jose-hs256":
            add(sender, "envelope", sender.secret, envelope="jws")
    return {"outbound": {"listen": "127.0.0.1:0", "egress": {"allow": ["127.0.0.0/8"]}, "endpoints": endpoints}}, secrets


def worth_delivering(delivery):
    """JSON, as some verifiers parse it, with the usual secret."""
    return delivery.name.startswith(("data: ", "layout: ")) and "NaN" not in delivery.name


def posted(gateway, endpoint, id, type, body):
    """The app posts an event."""
    headers = {"Content-Type": "application/json", "Countersign-Event-Id": id}
    if type:
        headers["Countersign-Event-Type"] = type
    return gateway.post(f"/endpoints/{endpoint}", headers, body)


def queued(gateway, receivers, sender, delivery):
    answer = posted(gateway, f"{sender.name}-queue", delivery.id, delivery.type, delivery.body)

    equal(answer.status, 202, f"{answer.body}\nstatus")
    equal([it["endpoint"] for it in json.loads(answer.body)["deliveries"]], [f"{sender.name}-queue"], "answer")
    arrived_well(sender, delivery, receivers.next(f"/{sender.name}/queue"))


def sync(gateway, receivers, sender, delivery):
    answer = posted(gateway, f"{sender.name}-sync", delivery.id, delivery.type, delivery.body)

    equal((answer.status, answer.body), (200, b"OK"), "the receiver's answer")
    arrived_well(sender, delivery, receivers.next(f"/{sender.name}/sync"))


def arrived_well(sender, delivery, arrived):
    assert arrived.accepted, "the receiver refuses what was delivered"
    equal(payload(arrived.body) if sender.scheme == "jws" else arrived.body, delivery.body, "the body that the receiver saw")


def payload(token):
    part = token.split(b".")[1]
    return base64.urlsafe_b64decode(part + b"=" * (-len(part) % 4))


def tampered(gateway, receivers, sender, delivery):
    """What was delivered, changed by somebody on the way and sent again."""
    path = f"/{sender.name}/sync"
    posted(gateway, f"{sender.name}-sync", f"{delivery.id}-tampered", delivery.type, delivery.body)
    genuine = receivers.next(path)

    equal(receivers.post(path, genuine.headers, genuine.body), 200, "status of what was delivered")
    for what, headers, body in forgeries(sender, genuine.headers, genuine.body):
        equal(receivers.post(path, headers, body), 401, f"{what}: status")


def rotation(gateway, sender, delivery):
    """A receiver that has changed over takes it, and one that has not only where the header carries several signatures."""
    changed = posted(gateway, f"{sender.name}-new", delivery.id, delivery.type, delivery.body)
    unchanged = posted(gateway, f"{sender.name}-old", delivery.id, delivery.type, delivery.body)

    equal(changed.status, 200, "status with the new secret")
    equal(unchanged.status, 200 if sender.scheme in ("stripe", "standard-webhooks") else 401, "status with the old secret")


def jws_envelope(gateway, receivers):
    posted(gateway, "python-jose-hs256-envelope", "f47bf223-f5dd-4f58-aa05-28aaa234aa75", "", b'{"email":"john@doe.com"}')
    arrived = receivers.next("/python-jose-hs256/envelope")

    assert arrived.accepted, "the receiver refuses it"
    expected = {"email": "john@doe.com", "webhook_request_id": "f47bf223-f5dd-4f58-aa05-28aaa234aa75"}
    equal(json.loads(payload(arrived.body)), expected, "payload")
