"""The deliveries that every library signs: what corpus.json lists, in each sender's own form. corpus.mjs does the same."""

import base64
import hashlib
import json
import pathlib
from dataclasses import dataclass, field

CORPUS = json.loads(pathlib.Path(__file__).with_name("corpus.json").read_text(encoding="utf-8"))
COMPACT = '{"$id":$ID,"$type":$TYPE,"$time":"2024-01-15T10:00:00Z","$data":$DATA}'


@dataclass
class Form:
    """How a sender's events look, and where the gateway finds id and type: `json`, `header`, or nowhere."""

    names: dict
    types: list
    id_in: str
    type_in: str = ""
    brief: bool = False  # without the large ones
    wrap: str = "$DATA"  # what stands around an event's data


@dataclass
class Delivery:
    """A body to be signed, and as what the app must see the event's id (None: not said) and type (None: there is none)."""

    name: str
    id: str
    type: str
    secret: str
    body: bytes
    event_id: str
    event_type: str = field(default=None)


def deliveries(sender, seed=None):
    """The deliveries of one sender. Another seed than its name gives the events other ids."""
    for count, spec in enumerate(specs(sender)):
        yield deliver(sender, spec, f"{seed or sender.name} {count}", count)
    yield from sender.extra


def digest(data):
    """The `Countersign-Event-Id` of an event without an id of its own."""
    return "sha256:" + hashlib.sha256(data).hexdigest()


def specs(sender):
    """What is special about each delivery; what is left out is ordinary. A header of None: the body states no such value."""
    form = sender.form
    for item in CORPUS["data"]:
        if form.brief and item.get("bytes", 0) > 4096:
            continue
        yield {"name": f"data: {item['name']}", "data": as_json(item)}
    for item in CORPUS["layouts"]:
        yield {"name": f"layout: {item['name']}", "text": item["text"], "data": '{"$id":"not-the-id","n":[1,2]}'}
    for item in CORPUS["secrets"]:
        yield {"name": f"secret: {item['name']}", "secret": sender.secret_of(as_text(item))}
    if form.id_in == "json":
        for item in CORPUS["ids"]:
            yield {"name": f"id: {item['name']}", "id_json": as_json(item), "id_header": item["header"]}
        yield {"name": "id: missing", "text": '{"$type":$TYPE,"$data":$DATA}', "id_header": None, "data": '{"$id":"not-the-id"}'}
    if form.type_in == "json":
        for item in CORPUS["types"]:
            header = digest(as_text(item).encode()) if item["header"] == "sha256:TEXT" else item["header"]
            yield {"name": f"type: {item['name']}", "type_json": as_json(item), "type_header": header}
    for item in CORPUS["raw"]:
        body = base64.b64decode(item["base64"]) if "base64" in item else item["text"].encode()
        yield {"name": f"raw: {item['name']}", "body": body, "id_header": None, "type_header": None}


def deliver(sender, spec, seed, count):
    form = sender.form
    id = uuid(seed)
    type = form.types[count % len(form.types)]
    body = spec["body"] if "body" in spec else fill(spec, form, id, type).encode()
    id_seen = spec.get("id_header", id) if form.id_in == "json" else id
    type_seen = spec.get("type_header", type) if form.type_in == "json" else type
    return Delivery(
        name=spec["name"], id=id, type=type, secret=spec.get("secret", sender.secret), body=body,
        event_id=digest(body) if id_seen is None else id_seen,
        event_type=type_seen if form.type_in else None,
    )


def fill(spec, form, id, type):
    names = form.names
    marks = {
        "$DATA": form.wrap.replace("$DATA", spec.get("data", '{"n":1}')),
        "$ID_UPPER": names["id"].upper(),
        "$ID": spec.get("id_json", json.dumps(id)),
        "$TYPE": spec.get("type_json", json.dumps(type)),
        "$id_escaped": f"\\u00{ord(names['id'][0]):x}{names['id'][1:]}",
        "$id": names["id"], "$type": names["type"], "$time": names["time"], "$data": names["data"],
    }
    filled = spec.get("text", COMPACT)
    for mark, value in marks.items():
        filled = filled.replace(mark, value)
    return filled


def as_json(item):
    """The JSON that an item of the corpus stands for."""
    if "json" in item:
        return item["json"]
    if "inner" in item:
        return item["open"] * item["times"] + item["inner"] + item["close"] * item["times"]
    return f'"{as_text(item)}"'


def as_text(item):
    """The text that an item of the corpus stands for: as written, or repeated to so many bytes."""
    if "text" in item:
        return item["text"]
    repeated = item["repeat"] * (item["bytes"] // len(item["repeat"].encode()))
    return repeated + "." * (item["bytes"] - len(repeated.encode()))


def uuid(seed):
    """A UUID made from a text, so that every run makes the same ones."""
    hex = hashlib.sha256(seed.encode()).hexdigest()
    return f"{hex[:8]}-{hex[8:12]}-4{hex[13:16]}-a{hex[17:20]}-{hex[20:32]}"
