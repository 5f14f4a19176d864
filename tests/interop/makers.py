"""Further makers' libraries: those that are given the URL, and those whose makers sign with a private key."""

import base64
import contextlib
import io
import json
import pathlib
import tempfile
import time

from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec, ed25519
from discord_interactions import verify_key
from hubspot.utils.signature import Signature
from sendgrid.helpers.eventwebhook import EventWebhook
from square.utils.webhooks_helper import verify_signature

from checks import equal
from forgeries import forgeries
from gateway import countersign
from keys import Files, run

BODIES = [
    '{"event_id":"evt_1","type":"a.b","text":"Zoé, Привет, 漢字, 🦀"}'.encode(),
    b' [{"eventId":1,\r\n\t"objectId" : 2}]\n',
]
URL = "https://hooks.example.com/hooks?shop=caf%C3%A9&a=b"


class Square:
    scheme, signature, signed = "square", "x-square-hmacsha256-signature", ()

    @staticmethod
    def accepts(secret, headers, body):
        signature = headers["x-square-hmacsha256-signature"]
        return verify_signature(
            request_body=body.decode(), signature_header=signature, signature_key=secret, notification_url=URL
        )


class Hubspot:
    scheme, signature, signed = "hubspot", "X-HubSpot-Signature-v3", ("X-HubSpot-Request-Timestamp",)

    @staticmethod
    def accepts(secret, headers, body):
        return Signature.is_valid(
            headers["x-hubspot-signature-v3"], secret, body.decode(), URL, "POST", "v3",
            headers["x-hubspot-request-timestamp"],
        )

    @staticmethod
    def signs(secret, body):
        now = str(int(time.time() * 1000))
        made = Signature.get_signature(secret, body.decode(), "v3", URL, "POST", now)
        return [("X-HubSpot-Signature-v3", made), ("X-HubSpot-Request-Timestamp", now)]


class Discord:
    scheme, signature, signed = "discord", "X-Signature-Ed25519", ("X-Signature-Timestamp",)
    generate = staticmethod(ed25519.Ed25519PrivateKey.generate)

    @staticmethod
    def accepts(key, headers, body):
        raw = key.public_bytes(serialization.Encoding.Raw, serialization.PublicFormat.Raw).hex()
        with contextlib.redirect_stdout(io.StringIO()):  # it prints why it refuses
            return verify_key(body, headers["x-signature-ed25519"], headers["x-signature-timestamp"], raw)


class Sendgrid:
    scheme, signature = "sendgrid", "X-Twilio-Email-Event-Webhook-Signature"
    signed = ("X-Twilio-Email-Event-Webhook-Timestamp",)
    generate = staticmethod(lambda: ec.generate_private_key(ec.SECP256R1()))

    @staticmethod
    def accepts(key, headers, body):
        der = key.public_bytes(serialization.Encoding.DER, serialization.PublicFormat.SubjectPublicKeyInfo)
        of = lambda name: headers[f"x-twilio-email-event-webhook-{name}"]
        webhook = EventWebhook(base64.b64encode(der).decode())
        return webhook.verify_signature(body.decode(), of("signature"), of("timestamp"))


def makers(checks):
    for maker in [Square, Hubspot]:
        for index, body in enumerate(BODIES):
            checks.checked(f"{maker.scheme}, body {index}", lambda: taken_with_secret(maker, body))
    for maker in [Discord, Sendgrid]:
        with tempfile.TemporaryDirectory(prefix="countersign-interop-") as folder:
            files = Files(pathlib.Path(folder), maker.generate())
            for index, body in enumerate(BODIES):
                checks.checked(f"{maker.scheme}, body {index}", lambda: taken_with_key(maker, files, body))


def taken_with_secret(maker, body):
    secret = "the secret of the interop suite"
    by = ["--scheme", maker.scheme, "--secret-env", "SECRET", "--url", URL]
    verify = lambda headers, body: countersign(["verify", *by, *given(headers)], secret, body).returncode
    held(maker, secret, made(countersign(["sign", *by, "--format", "json"], secret, body)), body, verify)
    if hasattr(maker, "signs"):
        held(maker, secret, maker.signs(secret, body), body, verify)


def taken_with_key(maker, files, body):
    by = ["--scheme", maker.scheme]
    signed = run("sign", *by, "--secret-file", files.private, "--format", "json", body=body)
    verify = lambda headers, body: run("verify", *by, "--key-file", files.public, *given(headers), body=body).returncode
    held(maker, files.key.public_key(), made(signed), body, verify)


def held(maker, key, headers, body, verify):
    """The library and countersign take a message, and nothing that was changed on the way."""
    assert accepts(maker, key, headers, body), "the library refuses what is genuine"
    equal(verify(headers, body), 0, "countersign verify")
    for what, *forged in forgeries(maker, headers, body):
        assert not accepts(maker, key, *forged), f"{what}: the library accepts a forgery"
        equal(verify(*forged), 1, f"{what}: countersign verify")


def accepts(maker, key, headers, body):
    """A library that raises refuses; one that raises at what is genuine is seen by that."""
    try:
        return maker.accepts(key, {name.lower(): value for name, value in headers}, body)
    except ValueError:
        return False


def made(done):
    if done.returncode:
        raise RuntimeError(f"countersign sign: exit {done.returncode}: {done.stderr.decode(errors='replace')}")
    return [tuple(it) for it in json.loads(done.stdout)["headers"]]


def given(headers):
    return [word for name, value in headers for word in ("-H", f"{name}: {value}")]
