// Messages that somebody changed on the way.

/** A message with one byte changed, once for each part that the signature protects: [what, message]. */
export function* forgeries(sender, delivery, message) {
  if (sender.scheme === "jws") {
    const [header, payload, signature] = message.body.toString().split(".");
    const joined = (...parts) => ({ ...message, body: Buffer.from(parts.join(".")) });
    yield ["header changed", joined(changed(header), payload, signature)];
    yield ["payload changed", joined(header, payload ? changed(payload) : "e30", signature)];
    yield ["signature changed", joined(header, payload, changed(signature))];
    return;
  }
  const { body, headers } = message;
  const other = Buffer.from(body.length ? body : "0");
  other[other.length >> 1] ^= body.length ? 0x01 : 0;
  yield ["body changed", { ...message, body: other }];
  yield ["body longer", { ...message, body: Buffer.concat([body, Buffer.from("\n")]) }];
  for (const name of [sender.signature, ...(sender.signed ?? [])]) {
    if (name === sender.signature && delivery.old) continue; // two signatures: one changed byte leaves a good one
    const change = ([key, value]) => [key, key.toLowerCase() === name.toLowerCase() ? changed(value) : value];
    yield [`${name} changed`, { ...message, headers: headers.map(change) }];
  }
}

/** The text with one character changed: the tenth from its end, or the last where it is short (a timestamp's seconds). */
function changed(text) {
  const at = text.length - (text.length > 20 ? 10 : 1);
  return text.slice(0, at) + (text[at] === "0" ? "1" : "0") + text.slice(at + 1);
}
