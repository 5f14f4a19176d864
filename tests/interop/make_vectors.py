"""Writes tests/vectors/senders/*.json with the libraries for Python; with --check says whether the committed files are what
the libraries make. Usage: python make_vectors.py [--check] FOLDER
"""

import base64
import json
import pathlib
import sys

from corpus import deliveries
from senders import SENDERS

FIRST = 1767225600  # 2026-01-01T00:00:00Z: fixed, so that every run writes the same files


def main(folder, check):
    passed = failed = 0
    for sender in SENDERS:
        path = pathlib.Path(folder, f"{sender.name}.json")
        made = vectors(sender)
        if not check:
            path.write_text(written(made), encoding="utf-8")
        elif without_version(json.loads(path.read_text(encoding="utf-8"))) == without_version(json.loads(written(made))):
            passed += 1
        else:
            failed += 1
            print(f"FAILED {path}: {sender.maker} {sender.version} makes something else")
    if check:
        print(f"{passed} passed, {failed} failed")
    return failed


def vectors(sender):
    head = {"maker": sender.maker, "version": sender.version, "scheme": sender.scheme}
    if sender.algorithm:
        head["algorithm"] = sender.algorithm
    signed = (it for it in deliveries(sender) if sender.takes(it))
    return {**head, "cases": [vector(sender, it, FIRST + count) for count, it in enumerate(signed)]}


def vector(sender, delivery, now):
    headers, body = sender.send(delivery, now)
    made = {
        "name": delivery.name, "secret": delivery.secret, "now": now, "method": "POST", "path": "/hooks/sender", "query": "",
        "headers": headers, "body_base64": base64.b64encode(body).decode(),
    }
    if delivery.event_id is not None:
        made["event_id"] = delivery.event_id
    if delivery.event_type is not None:
        made["event_type"] = delivery.event_type
    return {**made, "valid": True}


def written(file):
    """One case a line, so that a change is seen case by case."""
    cases = ",\n".join("    " + json.dumps(it, ensure_ascii=False, separators=(",", ":")) for it in file["cases"])
    head = json.dumps({key: value for key, value in file.items() if key != "cases"}, indent=2, ensure_ascii=False)
    return f'{head[:-2]},\n  "cases": [\n{cases}\n  ]\n}}\n'


def without_version(file):
    return {key: value for key, value in file.items() if key != "version"}


if __name__ == "__main__":
    sys.exit(1 if main(sys.argv[-1], "--check" in sys.argv) else 0)
