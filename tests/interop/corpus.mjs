// The deliveries that every library signs: what corpus.json lists, in each sender's own form. corpus.py does the same.

import { createHash } from "node:crypto";
import { readFileSync } from "node:fs";

const corpus = JSON.parse(readFileSync(new URL("corpus.json", import.meta.url), "utf8"));
const COMPACT = '{"$id":$ID,"$type":$TYPE,"$time":"2024-01-15T10:00:00Z","$data":$DATA}';

/**
 * The deliveries of one sender: `name`, `secret`, `body`, the `id` and `type` for senders that state them in headers, and
 * as what the app must see them: `eventId`, and `eventType` or null. With `old`, another secret signs too.
 * Another seed than the sender's name gives the events other ids.
 */
export function* deliveries(sender, seed = sender.name) {
  let count = 0;
  for (const spec of specs(sender)) yield deliver(sender, spec, seed, count++);
}

/** The `Countersign-Event-Id` of an event without an id of its own. */
export const digest = (bytes) => `sha256:${createHash("sha256").update(bytes).digest("hex")}`;

/** What is special about each delivery; what is left out is ordinary. A null header: the body states no such value. */
function* specs({ form, secretOf = (it) => it, join }) {
  for (const item of corpus.data) {
    if (form.brief && item.bytes > 4096) continue;
    yield { name: `data: ${item.name}`, data: json(item) };
  }
  for (const item of corpus.layouts) {
    yield { name: `layout: ${item.name}`, text: item.text, data: '{"$id":"not-the-id","n":[1,2]}' };
  }
  for (const item of corpus.secrets) {
    yield { name: `secret: ${item.name}`, secret: secretOf(text(item)) };
  }
  if (join) {
    const secret = secretOf("an old secret of the sender");
    yield { name: "rotation: the old secret's signature first", old: { secret, first: true } };
    yield { name: "rotation: the old secret's signature last", old: { secret, first: false } };
  }
  if (form.idIn === "json") {
    for (const item of corpus.ids) yield { name: `id: ${item.name}`, idJson: json(item), idHeader: item.header };
    yield { name: "id: missing", text: '{"$type":$TYPE,"$data":$DATA}', idHeader: null, data: '{"$id":"not-the-id"}' };
  }
  if (form.typeIn === "json") {
    for (const item of corpus.types) {
      const header = item.header === "sha256:TEXT" ? digest(text(item)) : item.header;
      yield { name: `type: ${item.name}`, typeJson: json(item), typeHeader: header };
    }
  }
  for (const item of corpus.raw) {
    const body = item.base64 ? Buffer.from(item.base64, "base64") : Buffer.from(item.text);
    yield { name: `raw: ${item.name}`, body, idHeader: null, typeHeader: null };
  }
}

function deliver(sender, spec, seed, count) {
  const { form } = sender;
  const id = uuid(`${seed} ${count}`);
  const type = form.types[count % form.types.length];
  const body = spec.body ?? Buffer.from(fill(spec, form, id, type));
  const idSeen = form.idIn === "json" && spec.idHeader !== undefined ? spec.idHeader : id;
  const typeSeen = form.typeIn === "json" && spec.typeHeader !== undefined ? spec.typeHeader : type;
  return {
    name: spec.name, id, type, body, secret: spec.secret ?? sender.secret, old: spec.old,
    eventId: idSeen === null ? digest(body) : form.idWithDigest ? `${idSeen}:${digest(body)}` : idSeen,
    eventType: form.typeIn && typeSeen ? (form.typeInLowerCase ? lowerCase(typeSeen) : typeSeen) : null,
  };
}

function fill(spec, { names, wrap = "$DATA" }, id, type) {
  const data = spec.data ?? '{"n":1}';
  const marks = {
    $DATA: wrap.replace("$DATA", () => data),
    $ID_UPPER: names.id.toUpperCase(),
    $ID: spec.idJson ?? JSON.stringify(id),
    $TYPE: spec.typeJson ?? JSON.stringify(type),
    $id_escaped: `\\u00${names.id.charCodeAt(0).toString(16)}${names.id.slice(1)}`,
    $id: names.id, $type: names.type, $time: names.time, $data: names.data,
  };
  let filled = spec.text ?? COMPACT;
  for (const [mark, value] of Object.entries(marks)) filled = filled.replaceAll(mark, () => value);
  return filled;
}

/** A header value in lower case, its percent-encoded bytes left alone. */
const lowerCase = (value) => value.replace(/%..|[A-Z]+/g, (part) => (part[0] === "%" ? part : part.toLowerCase()));

/** The JSON that an item of the corpus stands for. */
function json(item) {
  if (item.json !== undefined) return item.json;
  if (item.inner !== undefined) return item.open.repeat(item.times) + item.inner + item.close.repeat(item.times);
  return `"${text(item)}"`;
}

/** The text that an item of the corpus stands for: as written, or repeated to so many bytes. */
function text(item) {
  if (item.text !== undefined) return item.text;
  const repeated = item.repeat.repeat(Math.floor(item.bytes / Buffer.byteLength(item.repeat)));
  return repeated + ".".repeat(item.bytes - Buffer.byteLength(repeated));
}

/** A UUID made from a text, so that every run makes the same ones. */
function uuid(seed) {
  const hex = createHash("sha256").update(seed).digest("hex");
  return `${hex.slice(0, 8)}-${hex.slice(8, 12)}-4${hex.slice(13, 16)}-a${hex.slice(17, 20)}-${hex.slice(20, 32)}`;
}
