"""What the senders' libraries sign, through the real gateway."""

import base64
import json
import time

from checks import equal
from corpus import deliveries
from forgeries import forgeries
from gateway import Answer, App, Gateway
from senders import SENDERS, scheme_of


def inbound(checks):
    """What the libraries sign reaches the app; what was changed on the way does not."""
    app = App()
    gateway = Gateway(*configuration(app))
    for sender in SENDERS:
        for delivery in filter(sender.takes, deliveries(sender)):
            name = f"{sender.name}, {delivery.name}"
            headers, body = sender.send(delivery, now())
            # Forgeries first: one that passed would claim the event, and the genuine delivery would be taken for a repeat.
            for what, *forged in forgeries(sender, headers, body):
                checks.checked(f"{name}: {what}", lambda: refused(gateway, app, sender, *forged))
            checks.checked(f"{name}: delivered", lambda: delivered(gateway, app, sender, delivery, headers, body))
            checks.checked(f"{name}: repeated", lambda: repeated(gateway, app, sender, headers, body))
        checks.checked(f"{sender.name}: the app fails, then succeeds", lambda: fails_first(gateway, app, sender))
        checks.checked(f"{sender.name}: another secret", lambda: other_secret(gateway, app, sender))
        checks.checked(f"{sender.name}: no signature", lambda: unsigned(gateway, app, sender))
    for sender in SENDERS:
        checks.checked(f"{sender.name}: refused before its body came", lambda: refused_early(gateway, app, sender))
    checks.checked("the gateway stops in peace", lambda: stops(gateway))


def configuration(app):
    """One source for each library, with all the secrets that it signs with."""
    sources, secrets = {}, {}
    for sender in SENDERS:
        references = []
        for secret in dict.fromkeys(it.secret for it in deliveries(sender)):
            name = f"SECRET_{len(secrets)}"
            secrets[name] = secret
            references.append({"env": name})
        source = {"path": f"/hooks/{sender.name}", "scheme": scheme_of(sender), "secrets": references, "upstream": "app"}
        if sender.scheme == "jws":
            source["event_type"] = {"literal": "profile_updated"}
        sources[sender.name] = source
    return {"inbound": {"listen": "127.0.0.1:0", "sources": sources}, "upstreams": {"app": {"url": app.url}}}, secrets


def delivered(gateway, app, sender, delivery, headers, body):
    app.answer = Answer(201, {"Content-Type": "application/json", "X-App": "yes"}, json.dumps({"took": delivery.id}).encode())

    answer = gateway.post(f"/hooks/{sender.name}", headers, body)

    equal((answer.status, answer.body), (app.answer.status, app.answer.body), "answer")
    equal((answer.headers["X-App"], answer.headers["Countersign-Replayed"]), ("yes", None), "X-App, Countersign-Replayed")
    [seen] = app.taken()
    payload = payload_of(body) if sender.scheme == "jws" else body
    equal(seen.body, payload, "the app's body")
    equal((seen.method, seen.target), ("POST", f"/hooks/{sender.name}"), "the app's request line")
    equal((seen.headers["Content-Length"], seen.headers["Transfer-Encoding"]), (str(len(payload)), None), "framing")
    for name, value in headers or [("Content-Type", "application/json")]:
        equal(seen.headers[name], value, name)
    type = "profile_updated" if sender.scheme == "jws" else delivery.event_type
    claims = {"Source": sender.name, "Verified": "true", "Attempt": "1", "Event-Type": type}
    if delivery.event_id is not None:
        claims["Event-Id"] = delivery.event_id
    for name, value in claims.items():
        equal(seen.headers[f"Countersign-{name}"], value, f"Countersign-{name}")
    assert seen.headers["Countersign-Delivery"], "no Countersign-Delivery"


def repeated(gateway, app, sender, headers, body):
    first, app.answer = app.answer, Answer(500, {}, b"the app was asked again")

    answer = gateway.post(f"/hooks/{sender.name}", headers, body)

    equal((answer.status, answer.body), (first.status, first.body), "answer")
    equal(answer.headers["Countersign-Replayed"], "true", "Countersign-Replayed")
    equal(answer.headers["Content-Type"], first.headers["Content-Type"], "Content-Type")
    equal(len(app.taken()), 0, "requests that the app saw")


def refused(gateway, app, sender, headers, body):
    answer = gateway.post(f"/hooks/{sender.name}", headers, body)

    equal((answer.status, answer.body), (401, b""), "answer")
    equal(len(app.taken()), 0, "requests that the app saw")


def fails_first(gateway, app, sender):
    """A failure is passed on and claims nothing: the sender's retry reaches the app, and only its success is kept."""
    headers, body = sender.send(ordinary(sender, "fails first"), now())
    answers = []
    for app.answer in (Answer(503, {}, b"not now"), Answer(200, {}, b"now"), Answer(500, {}, b"again")):
        answers.append(gateway.post(f"/hooks/{sender.name}", headers, body))

    equal([(it.status, it.body) for it in answers], [(503, b"not now"), (200, b"now"), (200, b"now")], "answers")
    equal([it.headers["Countersign-Replayed"] for it in answers], [None, None, "true"], "Countersign-Replayed")
    equal(len(app.taken()), 2, "requests that the app saw")


def other_secret(gateway, app, sender):
    delivery = ordinary(sender, "other secret")
    delivery.secret = sender.secret_of("a secret of somebody else")
    refused(gateway, app, sender, *sender.send(delivery, now()))


def unsigned(gateway, app, sender):
    delivery = ordinary(sender, "unsigned")
    headers, _ = sender.send(delivery, now())
    refused(gateway, app, sender, [it for it in headers if it[0] != sender.signature], delivery.body)


def refused_early(gateway, app, sender):
    """Where the head alone is refused, the connection serves the next request, or is said to be closed.

    A sender that keeps its connections and never retries would lose the delivery that follows.
    """
    delivery = ordinary(sender, "after a refusal")
    headers, body = sender.send(delivery, now())
    bare = [it for it in headers if it[0] != sender.signature]
    connection = gateway.new_connection()
    app.answer = Answer(200, {}, b"")

    connection.putrequest("POST", f"/hooks/{sender.name}")
    for name, value in [*bare, ("Content-Length", str(len(delivery.body)))]:
        connection.putheader(name, value)
    connection.endheaders()
    time.sleep(0.05)  # the body comes later than the head, as over any network
    connection.send(delivery.body)
    answer = connection.getresponse()
    answer.read()
    equal(answer.status, 401, "status")

    if answer.headers["Connection"] != "close":
        connection.request("POST", f"/hooks/{sender.name}", body=body, headers=dict(headers))
        equal(connection.getresponse().status, 200, "status of the next request on the connection")
        equal(len(app.taken()), 1, "requests that the app saw")
    connection.close()


def stops(gateway):
    code, output = gateway.stop()
    assert code == 0, output


def ordinary(sender, name):
    """An event like any other of this sender, with an id of its own."""
    return next(deliveries(sender, seed=f"{sender.name} {name}"))


def payload_of(token):
    segment = token.split(b".")[1]
    return base64.urlsafe_b64decode(segment + b"=" * (-len(segment) % 4))


def now():
    return int(time.time())
