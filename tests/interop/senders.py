"""The senders' libraries for Python: how each signs, and how each verifies."""

import base64
import hashlib
import hmac
import json
import sys
import warnings
from dataclasses import dataclass
from datetime import datetime, timezone
from importlib.metadata import version
from typing import Callable

import jose.exceptions
import jose.jws
import joserfc.errors
import joserfc.jws
import jwt
import slack_sdk.signature
import standardwebhooks
import stripe
from joserfc.jwk import OctKey

from corpus import Delivery, Form

# The libraries warn of keys shorter than their hash. The documents' own examples are, and so are some of ours.
warnings.simplefilter("ignore", jwt.warnings.InsecureKeyLengthWarning)
warnings.simplefilter("ignore", joserfc.errors.SecurityWarning)


@dataclass
class Sender:
    """A library that signs. Its requests are (headers, body); for JWS the body is what carries the signature."""

    name: str  # of the vectors' file
    maker: str
    version: str
    scheme: str
    secret: str
    form: Form
    send: Callable  # (delivery, now) -> (headers, body)
    accepts: Callable  # (secret, headers, body) -> bool; header names are in lower case
    signature: str  # the header that holds the signature, or "body"
    signed: tuple = ()  # headers that the signature covers too
    algorithm: str = ""
    takes: Callable = lambda delivery: True  # which deliveries the library signs
    secret_of: Callable = lambda text: text  # how any text becomes a secret
    extra: tuple = ()  # deliveries beside the corpus


JSON_TYPE = ("Content-Type", "application/json")
EVENT = {"id": "id", "type": "type", "time": "createdAt", "data": "data"}


def is_text(delivery):
    try:
        delivery.body.decode()
        return True
    except UnicodeDecodeError:
        return False


def lmif():
    """LMIF's document shows the check in Python too: hmac.new(secret.encode(), payload, sha256)."""

    def sign(secret, body):
        return "sha256=" + hmac.new(secret.encode(), body, hashlib.sha256).hexdigest()

    return Sender(
        name="lmif-python", maker="Python's hmac, as in LMIF's document", version=sys.version.split()[0],
        scheme="lmif", secret="your-webhook-secret", signature="X-LMIF-Signature",
        form=Form(EVENT, ["box.created", "grace_period.started", "license.approved"], id_in="json", type_in="json"),
        send=lambda it, now: ([JSON_TYPE, ("X-LMIF-Signature", sign(it.secret, it.body))], it.body),
        accepts=lambda secret, headers, body: hmac.compare_digest(sign(secret, body), headers["x-lmif-signature"]),
    )


def slack():
    def send(it, now):
        signature = slack_sdk.signature.SignatureVerifier(it.secret).generate_signature(timestamp=str(now), body=it.body)
        return [JSON_TYPE, ("X-Slack-Signature", signature), ("X-Slack-Request-Timestamp", str(now))], it.body

    return Sender(
        name="slack-sdk", maker="slack-sdk (PyPI)", version=version("slack-sdk"),
        scheme="slack", secret="8f742231b10e8888abcd99yyyzzz85a5", takes=is_text,
        signature="X-Slack-Signature", signed=("X-Slack-Request-Timestamp",),
        form=Form(
            {"id": "event_id", "type": "type", "time": "event_context", "data": "event"},
            ["reaction_added", "message", "app_mention"], id_in="json", type_in="json",
            wrap='{"type":$TYPE,"item":$DATA}',  # its type is the inner one: /event/type
        ),
        send=send,
        accepts=lambda secret, headers, body: slack_sdk.signature.SignatureVerifier(secret).is_valid_request(body, headers),
    )


def standard_webhooks():
    def send(it, now):
        moment = datetime.fromtimestamp(now, timezone.utc)
        signature = standardwebhooks.Webhook(it.secret).sign(it.id, moment, it.body.decode())
        headers = [("webhook-id", it.id), ("webhook-timestamp", str(now)), ("webhook-signature", signature)]
        return [JSON_TYPE, *headers], it.body

    def accepts(secret, headers, body):
        try:
            standardwebhooks.Webhook(secret).verify(body, headers, json_parse=False)
            return True
        except standardwebhooks.WebhookVerificationError:
            return False

    return Sender(
        name="standardwebhooks-python", maker="standardwebhooks (PyPI)", version=version("standardwebhooks"),
        scheme="standard-webhooks", secret="whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw", takes=is_text,
        secret_of=lambda text: "whsec_" + base64.b64encode(text.encode()).decode(),
        signature="webhook-signature", signed=("webhook-id", "webhook-timestamp"),
        form=Form(EVENT, ["user.created", "invoice.paid", "ping"], id_in="header", type_in="json"),
        send=send, accepts=accepts,
    )


def jws(library, distribution, algorithm, sign, accepts, **more):
    """A library that makes compact JWS, as the body of a request like risr/advance's."""
    return Sender(
        name=f"{library}-{algorithm.lower()}", maker=f"{distribution} (PyPI)", version=version(distribution),
        scheme="jws", algorithm=algorithm, secret="signature_secret", signature="body",
        form=Form(
            {"id": "webhook_request_id", "type": "rev", "time": "updated", "data": "userFields"},
            ["1-1324"], id_in="json", brief=algorithm != "HS256",
        ),
        send=lambda it, now: ([], sign(it, algorithm)),
        accepts=lambda secret, headers, body: accepts(secret, body, algorithm), **more,
    )


def python_jose_sign(it, algorithm):
    return jose.jws.sign(as_mapping(it) or it.body, it.secret, algorithm=algorithm).encode()


def not_a_number():
    """python-jose writes Python's NaN as it is, so what a sender signs need not be JSON. The id may then be found or not."""
    body = b'{"webhook_request_id":"0e1f","score":NaN}'
    return Delivery("data: NaN", id="0e1f", type="", secret="signature_secret", body=body, event_id=None)


def as_mapping(it):
    """Most payloads go in as bytes; these as the objects that an application holds, which python-jose writes itself."""
    if not it.name.startswith("data: ") or "beyond a double" in it.name:
        return None
    return json.loads(it.body)


def python_jose_accepts(secret, body, algorithm):
    try:
        jose.jws.verify(body.decode(), secret, algorithms=[algorithm])
        return True
    except jose.exceptions.JWSError:
        return False


def pyjwt_sign(it, algorithm):
    return jwt.PyJWS().encode(it.body, it.secret, algorithm=algorithm, headers={"kid": "2026-01"}).encode()


def no_jwk(delivery):
    """PyJWT refuses a secret that looks like a key in JSON."""
    return not delivery.secret.startswith("{")


def pyjwt_accepts(secret, body, algorithm):
    try:
        jwt.PyJWS().decode(body, secret, algorithms=[algorithm])
        return True
    except jwt.InvalidTokenError:
        return False


def joserfc_sign(it, algorithm):
    key = OctKey.import_key(it.secret.encode())
    return joserfc.jws.serialize_compact({"alg": algorithm}, it.body, key, algorithms=[algorithm]).encode()


def joserfc_accepts(secret, body, algorithm):
    try:
        joserfc.jws.deserialize_compact(body, OctKey.import_key(secret.encode()), algorithms=[algorithm])
        return True
    except joserfc.errors.JoseError:
        return False


def stripe_verifier():
    def accepts(secret, headers, body):
        try:
            stripe.WebhookSignature.verify_header(body.decode(), headers["stripe-signature"], secret, tolerance=300)
            return True
        except stripe.SignatureVerificationError:
            return False

    return verifier(
        "stripe-python", "stripe", version("stripe"), "whsec_of_the_interop_suite", "Stripe-Signature", accepts,
        Form({"id": "id", "type": "type", "time": "created", "data": "data"}, ["invoice.paid"], id_in="json", type_in="json"),
    )


def lvconnect_verifier():
    """LVConnect's document shows the check in PHP: 'sha1=' . hash_hmac('sha1', $content, $secret), and hash_equals."""

    def accepts(secret, headers, body):
        expected = "sha1=" + hmac.new(secret.encode(), body, hashlib.sha1).hexdigest()
        return hmac.compare_digest(expected, headers["x-lvconnect-signature"])

    return verifier(
        "lvconnect-python", "lvconnect", sys.version.split()[0], "TopSecretHookPassword@SuperStrong#123456",
        "X-LVConnect-Signature", accepts,
        Form({"id": "id", "type": "event", "time": "createdAt", "data": "user"}, ["user:created"], id_in="header"),
    )


def verifier(name, scheme, version, secret, signature, accepts, form):
    """One that signs nothing: it is here to take what countersign signs."""
    return Sender(
        name=name, maker=name, version=version, scheme=scheme, secret=secret, signature=signature, accepts=accepts,
        form=form, send=None,
    )


def scheme_of(sender):
    """A sender's scheme as a configuration names it."""
    if sender.scheme == "jws" and sender.algorithm != "HS256":
        return {"jws": {"algorithm": sender.algorithm}, "event_id": {"json": "/webhook_request_id"}}
    return sender.scheme


ALGORITHMS = ("HS256", "HS384", "HS512")
SENDERS = [
    lmif(), slack(), standard_webhooks(),
    *(
        jws("python-jose", "python-jose", it, python_jose_sign, python_jose_accepts, extra=(not_a_number(),))
        for it in ALGORITHMS
    ),
    *(jws("pyjwt", "PyJWT", it, pyjwt_sign, pyjwt_accepts, takes=no_jwk) for it in ALGORITHMS),
    *(jws("joserfc", "joserfc", it, joserfc_sign, joserfc_accepts) for it in ALGORITHMS),
]
VERIFIERS = [stripe_verifier(), lvconnect_verifier()]
