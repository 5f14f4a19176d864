"""Messages that somebody changed on the way."""


def forgeries(sender, headers, body):
    """A message with one byte changed, once for each part that the signature protects: (what, headers, body)."""
    if sender.scheme == "jws":
        parts = body.split(b".")
        for position, what in enumerate(("header", "payload", "signature")):
            other = [changed(it) if place == position else it for place, it in enumerate(parts)]
            yield f"{what} changed", headers, b".".join(other)
        return
    middle = len(body) // 2
    yield "body changed", headers, body[:middle] + bytes([body[middle] ^ 1]) + body[middle + 1 :] if body else b"0"
    yield "body longer", headers, body + b"\n"
    for protected in (sender.signature, *sender.signed):
        other = [(name, changed(value) if name.lower() == protected.lower() else value) for name, value in headers]
        yield f"{protected} changed", other, body


def changed(text):
    """With one character changed: the tenth from the end, or the last where it is short (a timestamp's seconds)."""
    if isinstance(text, bytes):
        return changed(text.decode()).encode()
    if not text:
        return "e30"
    at = len(text) - (10 if len(text) > 20 else 1)
    return text[:at] + ("1" if text[at] == "0" else "0") + text[at + 1 :]
