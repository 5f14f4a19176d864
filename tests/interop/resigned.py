"""What the senders' libraries sign, through a gateway that signs it anew for apps that verify one library's signature each."""

import time

from checks import equal
from corpus import deliveries
from delivered import Receivers, payload
from forgeries import forgeries
from gateway import Gateway
from senders import SENDERS, VERIFIERS, scheme_of

# A token is a body of its own: such a scheme cannot sign what an app gets.
APPS = [it for it in [*SENDERS, *VERIFIERS] if it.scheme != "jws"]


def resigned(checks):
    """Each app takes what comes from any sender; what was changed behind the gateway, it does not."""
    receivers = Receivers()
    gateway = Gateway(*configuration(receivers))
    for app in APPS:
        for sender in SENDERS:
            for how in ("sync", "queue"):
                name = f"{sender.name} signed for {app.name}: {how}"
                checks.checked(name, lambda: taken(gateway, receivers, sender, app, how))
        checks.checked(f"{app.name}: tampered with", lambda: tampered(gateway, receivers, app))
    code, output = gateway.stop()
    checks.checked("the gateway stops in peace", lambda: equal(code, 0, f"{output}\nexit code"))
    receivers.server.shutdown()


def configuration(receivers):
    """An upstream for each library that verifies, and for each of them sources for all that sign."""
    sources, upstreams, secrets = {}, {}, {}

    def reference(text):
        name = f"SECRET_{len(secrets)}"
        secrets[name] = text
        return {"env": name}

    for app in APPS:
        known = app.secret_of("a secret of the app alone")
        url = receivers.add(f"/{app.name}", app, known).removesuffix(f"/{app.name}")
        sign = {"scheme": scheme_of(app), "secrets": [reference(known)]}
        upstreams[app.name] = {"url": url, "sign": sign, "retry": "none"}
        for sender in SENDERS:
            for how in ("sync", "queue"):
                sources[f"{sender.name}-{app.name}-{how}"] = {
                    "path": path_of(sender, app, how), "scheme": scheme_of(sender), "upstream": app.name,
                    "delivery": how, "forward": {"path": f"/{app.name}"}, "secrets": [reference(sender.secret)],
                }
    return {"inbound": {"listen": "127.0.0.1:0", "sources": sources}, "upstreams": upstreams}, secrets


def path_of(sender, app, how):
    return f"/{sender.name}/{app.name}/{how}"


def taken(gateway, receivers, sender, app, how):
    delivery, body, answer, arrived = sent(gateway, receivers, sender, app, how)

    equal(answer.status, 200 if how == "sync" else 202, f"{answer.body}\nstatus")
    assert arrived.accepted, "the app refuses what was signed for it"
    equal(arrived.body, payload(body) if sender.scheme == "jws" else body, "the body that the app saw")
    equal(values_of(arrived, "Countersign-Source"), [f"{sender.name}-{app.name}-{how}"], "Countersign-Source")
    equal(values_of(arrived, "Countersign-Event-Id"), [delivery.event_id], "Countersign-Event-Id")
    for name in (app.signature, *app.signed):
        equal(len(values_of(arrived, name)), 1, f"number of {name}")


def tampered(gateway, receivers, app):
    """What an app got, changed by somebody on the way and sent again."""
    _, _, _, arrived = sent(gateway, receivers, SENDERS[0], app, "sync", "tampered")

    equal(receivers.post(f"/{app.name}", arrived.headers, arrived.body), 200, "status of what was delivered")
    for what, headers, body in forgeries(app, arrived.headers, arrived.body):
        equal(receivers.post(f"/{app.name}", headers, body), 401, f"{what}: status")


def sent(gateway, receivers, sender, app, how, seed="resigned"):
    delivery = next(deliveries(sender, f"{sender.name} {app.name} {how} {seed}"))
    headers, body = sender.send(delivery, int(time.time()))
    # What the app goes by, an attacker may have written as well.
    forged = [] if sender.signature == app.signature else [(app.signature, "forged")]
    answer = gateway.post(path_of(sender, app, how), [*headers, *forged], body)
    return delivery, body, answer, receivers.next(f"/{app.name}")


def values_of(arrived, wanted):
    return [value for name, value in arrived.headers if name.lower() == wanted.lower()]
