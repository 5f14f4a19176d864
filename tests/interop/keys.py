"""Schemes with public keys: PyJWT and cryptography before countersign, and countersign before them."""

import base64
import json
import pathlib
import subprocess
import tempfile

import jwt
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, padding, rsa

from checks import equal
from gateway import BINARY

BODY = b'{"id":"evt_1","type":"box.created","name":"Zo\xc3\xa9"}\n'
PSS = padding.PSS(padding.MGF1(hashes.SHA256()), 32)

# A name of RFC 7518, the key, and the name of the same under `public_key` with its way to sign and to verify.
ALGORITHMS = [
    ("RS256", lambda: rsa.generate_private_key(65537, 2048), "rsa-pkcs1-sha256", (padding.PKCS1v15(), hashes.SHA256())),
    ("PS256", lambda: rsa.generate_private_key(65537, 3072), "rsa-pss-sha256", (PSS, hashes.SHA256())),
    ("ES256", lambda: ec.generate_private_key(ec.SECP256R1()), "ecdsa-p256-sha256", (ec.ECDSA(hashes.SHA256()),)),
    ("ES384", lambda: ec.generate_private_key(ec.SECP384R1()), "ecdsa-p384-sha384", (ec.ECDSA(hashes.SHA384()),)),
    ("EdDSA", ed25519.Ed25519PrivateKey.generate, "ed25519", ()),
]


def keys(checks):
    for name, generate, algorithm, how in ALGORITHMS:
        with tempfile.TemporaryDirectory(prefix="countersign-interop-") as folder:
            files = Files(pathlib.Path(folder), generate())
            jws = files.write("jws.yaml", f"jws: {{algorithm: {name}}}\n".encode())
            beside = files.write("beside.yaml", f"public_key: {{algorithm: {algorithm}, header: X-Sig}}\n".encode())
            checks.checked(f"{name}: PyJWT signs", lambda: pyjwt_signs(files, jws, name))
            checks.checked(f"{name}: PyJWT verifies", lambda: pyjwt_verifies(files, jws, name))
            checks.checked(f"{algorithm}: cryptography signs", lambda: cryptography_signs(files, beside, how))
            checks.checked(f"{algorithm}: cryptography verifies", lambda: cryptography_verifies(files, beside, how))


class Files:
    def __init__(self, folder, key):
        self.folder, self.key = folder, key
        pem, plain = serialization.Encoding.PEM, serialization.NoEncryption()
        spki = serialization.PublicFormat.SubjectPublicKeyInfo
        self.private_pem = key.private_bytes(pem, serialization.PrivateFormat.PKCS8, plain)
        self.public_pem = key.public_key().public_bytes(pem, spki)
        self.private = self.write("private.pem", self.private_pem)
        self.public = self.write("public.pem", self.public_pem)

    def write(self, name, content):
        path = self.folder / name
        path.write_bytes(content)
        return str(path)

    def as_jwks(self, name):
        """The public key as a set of JWKs, as PyJWT writes it."""
        jwk = jwt.get_algorithm_by_name(name).to_jwk(self.key.public_key(), as_dict=True)
        jwk.pop("key_ops", None)
        jwk.update(kid="theirs", use="sig", alg=name)
        return self.write("jwks.json", json.dumps({"keys": [jwk]}).encode())


def run(*arguments, body):
    return subprocess.run([BINARY, *arguments], input=body, capture_output=True, check=False)


def pyjwt_signs(files, scheme, name):
    token = jwt.api_jws.encode(BODY, files.key, algorithm=name, headers={"kid": "theirs"}).encode()
    for key in [files.public, files.as_jwks(name)]:
        equal(run("verify", "--scheme", scheme, "--key-file", key, body=token).returncode, 0, f"{key}: exit code")
        header, _, signature = token.split(b".")
        forged = b".".join([header, base64.urlsafe_b64encode(b"{}").rstrip(b"="), signature])
        equal(run("verify", "--scheme", scheme, "--key-file", key, body=forged).returncode, 1, f"{key}: forged: exit code")
    other = jwt.api_jws.encode(BODY, files.key, algorithm=name, headers={"kid": "nobody's"}).encode()
    refused = run("verify", "--scheme", scheme, "--key-file", files.as_jwks(name), body=other)
    equal(refused.returncode, 1, "a kid that names nothing: exit code")


def pyjwt_verifies(files, scheme, name):
    signed = run("sign", "--scheme", scheme, "--secret-file", files.private, body=BODY)
    equal(signed.returncode, 0, signed.stderr.decode())
    equal(jwt.api_jws.decode(signed.stdout, files.public_pem.decode(), algorithms=[name]), BODY, "the payload")


def cryptography_signs(files, scheme, how):
    signature = base64.b64encode(files.key.sign(BODY, *how)).decode()
    verify = ["verify", "--scheme", scheme, "--key-file", files.public, "-H", f"X-Sig: {signature}"]
    equal(run(*verify, body=BODY).returncode, 0, "exit code")
    equal(run(*verify, body=BODY.replace(b"1", b"2")).returncode, 1, "forged: exit code")


def cryptography_verifies(files, scheme, how):
    signed = run("sign", "--scheme", scheme, "--secret-file", files.private, body=BODY)
    equal(signed.returncode, 0, signed.stderr.decode())
    line = next(line for line in signed.stdout.decode().splitlines() if line.lower().startswith("x-sig: "))
    signature = base64.b64decode(line.split(": ", 1)[1], validate=True)
    public = files.key.public_key()
    public.verify(signature, BODY, *how)
    try:
        public.verify(signature, BODY + b" ", *how)
    except InvalidSignature:
        return
    raise AssertionError("the library accepts another body")
