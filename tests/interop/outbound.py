"""What countersign signs, before the senders' libraries; and the command `verify` on what they sign."""

import json
import pathlib
import tempfile
import time

from checks import equal
from corpus import deliveries
from forgeries import forgeries
from gateway import countersign_sign, countersign_verify
from senders import SENDERS, VERIFIERS, scheme_of


def outbound(checks):
    with tempfile.TemporaryDirectory(prefix="countersign-interop-") as folder:
        for sender in [*SENDERS, *VERIFIERS]:
            scheme = scheme_argument(sender, folder)
            ordinary = [it for it in deliveries(sender) if worth_signing(it)]
            for delivery in ordinary:
                name = f"{sender.name}, {delivery.name}: signed by countersign"
                checks.checked(name, lambda: signed_by_countersign(scheme, sender, delivery))
            for delivery in ordinary[:3] if sender.send else []:
                checks.checked(f"{sender.name}, {delivery.name}: countersign verify", lambda: verified(scheme, sender, delivery))


def worth_signing(delivery):
    """JSON, as some verifiers parse the body, and the sender's usual secret, as python-jose reads some others as keys in JSON."""
    return delivery.name.startswith(("data: ", "layout: ")) and "NaN" not in delivery.name


def signed_by_countersign(scheme, sender, delivery):
    headers, body = countersign_sign(scheme, delivery.secret, delivery.id, delivery.type, delivery.body)

    assert accepts(sender, delivery, headers, body), "the library refuses what countersign signed"
    if sender.scheme != "jws":
        equal(body, delivery.body, "the body that countersign signed")
    for what, *forged in forgeries(sender, headers, body):
        assert not accepts(sender, delivery, *forged), f"{what}: the library accepts a forgery"


def accepts(sender, delivery, headers, body):
    return sender.accepts(delivery.secret, {name.lower(): value for name, value in headers}, body)


def verified(scheme, sender, delivery):
    """`countersign verify` takes what the library signs, and refuses it changed."""
    headers, body = sender.send(delivery, int(time.time()))
    equal(countersign_verify(scheme, delivery.secret, headers, body), 0, "exit code")
    for what, *forged in forgeries(sender, headers, body):
        equal(countersign_verify(scheme, delivery.secret, *forged), 1, f"{what}: exit code")


def scheme_argument(sender, folder):
    """What `--scheme` takes: a preset's name, or a file that holds a scheme."""
    scheme = scheme_of(sender)
    if isinstance(scheme, str):
        return scheme
    file = pathlib.Path(folder, f"{sender.name}.yaml")
    file.write_text(json.dumps(scheme), encoding="utf-8")
    return str(file)
