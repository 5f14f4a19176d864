"""The libraries of further senders, at the commands `sign` and `verify`, as in presets.mjs."""

import logging
import time
from dataclasses import dataclass, field
from types import SimpleNamespace
from typing import Callable, Optional

from box_sdk_gen.managers.webhooks import WebhooksManager
from paddle_billing.Notifications import Secret, Verifier
from paddle_billing.Notifications.PaddleSignature import PaddleSignature
from pywa.utils import webhook_updates_validator

from checks import equal
from forgeries import forgeries
from gateway import countersign_sign, countersign_verify

logging.disable(logging.CRITICAL)  # Paddle's tells of each refusal

BODIES = [
    '{"id":"evt_1","event_id":"evt_1","object":"page","data":{"text":"Zoé, Привет, 漢字, 🦀","n":[1,-2.5,null,true]}}'.encode(),
    rb'{"id":"evt_2","event_id":"evt_2","object":"page","data":{"text":"\u00e9 \ud83e\udd80 </script> \\ \" \n"}}',
    b' {\r\n\t"id": "evt_3",\n  "event_id" : "evt_3", "object": "page", "data": [ ] }\n',
]


@dataclass
class Library:
    scheme: str
    secret: str
    signature: str  # the header that holds it
    accepts: Callable  # (secret, headers, body) -> bool; header names are in lower case
    signed: tuple = ()  # further headers that it covers
    signs: Optional[Callable] = field(default=None)  # (secret, body) -> headers


def paddle_accepts(secret, headers, body):
    # Its library looks for the header as Paddle writes it.
    request = SimpleNamespace(headers={"Paddle-Signature": headers["paddle-signature"]}, body=body)
    return Verifier().verify(request, Secret(secret))


def paddle_signs(secret, body):
    now = int(time.time())
    signature = PaddleSignature.calculate_hmac(secret, f"{now}:".encode() + body).hexdigest()
    return [("Paddle-Signature", f"ts={now};h1={signature}")]


LIBRARIES = [
    Library("paddle", "pdl_ntfset_01hv8gptq8987qhhqjb56jrkb2_secret", "Paddle-Signature", paddle_accepts, signs=paddle_signs),
    Library(
        "box", "SamplePrimaryKey", "BOX-SIGNATURE-PRIMARY",
        lambda secret, headers, body: WebhooksManager.validate_message(body.decode(), headers, secret),
        signed=("BOX-DELIVERY-TIMESTAMP",),
    ),
    Library(
        "meta", "meta-app-secret", "X-Hub-Signature-256",
        lambda secret, headers, body: webhook_updates_validator(secret, body, headers["x-hub-signature-256"]),
    ),
]


def presets(checks):
    for library in LIBRARIES:
        for index, body in enumerate(BODIES):
            checks.checked(f"{library.scheme}, body {index}", lambda: taken(library, body))
            if library.signs:
                checks.checked(f"{library.scheme}, body {index}: its own", lambda: signed_by_library(library, body))
        checks.checked(f"{library.scheme}: another secret", lambda: other_secret(library))


def taken(library, body):
    """What countersign signs, before the library and before countersign itself."""
    headers, sent = countersign_sign(library.scheme, library.secret, "1", "", body)

    equal(sent, body, "the body that countersign signed")
    assert accepts(library, headers, sent), "the library refuses what countersign signed"
    equal(countersign_verify(library.scheme, library.secret, headers, sent), 0, "countersign verify")
    for what, *forged in forgeries(library, headers, sent):
        assert not accepts(library, *forged), f"{what}: the library accepts a forgery"
        equal(countersign_verify(library.scheme, library.secret, *forged), 1, f"{what}: countersign verify")


def signed_by_library(library, body):
    headers = library.signs(library.secret, body)

    equal(countersign_verify(library.scheme, library.secret, headers, body), 0, "countersign verify")
    for what, *forged in forgeries(library, headers, body):
        equal(countersign_verify(library.scheme, library.secret, *forged), 1, f"{what}: countersign verify")


def other_secret(library):
    headers, body = countersign_sign(library.scheme, "somebody else's secret", "1", "", BODIES[0])

    assert not accepts(library, headers, body), "the library accepts it"
    equal(countersign_verify(library.scheme, library.secret, headers, body), 1, "countersign verify")


def accepts(library, headers, body):
    """A library that raises refuses; one that raises at what is genuine is seen by that."""
    try:
        return library.accepts(library.secret, {name.lower(): value for name, value in headers}, body)
    except (ConnectionRefusedError, UnicodeDecodeError, ValueError):
        return False
