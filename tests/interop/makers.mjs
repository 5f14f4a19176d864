// Makers who sign with a private key: their libraries at what `countersign sign` makes with one, and `countersign verify`
// beside them. They verify only; what signs with their keys is the library `crypto`.

import assert from "node:assert/strict";
import { createPublicKey, generateKeyPairSync, sign } from "node:crypto";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { spawnSync } from "node:child_process";
import sendgrid from "@sendgrid/eventwebhook";
import { verifyKey } from "discord-interactions";

import { checked, equal } from "./checks.mjs";
import { forgeries } from "./forgeries.mjs";
import { BINARY } from "./gateway.mjs";

const BODIES = ['{"type":1}', '[{"email":"a@example.com","event":"delivered","text":"Zoé, 漢字, 🦀"}]\r\n', ' {"a" : [ ] }\n'];

const discord = {
  scheme: "discord",
  keys: () => generateKeyPairSync("ed25519"),
  signature: "X-Signature-Ed25519",
  signed: ["X-Signature-Timestamp"],
  accepts: (key, headers, body) => {
    const raw = key.export({ format: "der", type: "spki" }).subarray(-32).toString("hex");
    return verifyKey(body, headers["x-signature-ed25519"], headers["x-signature-timestamp"], raw);
  },
  signs: (key, now, body) => sign(null, Buffer.concat([Buffer.from(now), body]), key).toString("hex"),
};

const twilio = {
  scheme: "sendgrid",
  keys: () => generateKeyPairSync("ec", { namedCurve: "P-256" }),
  signature: "X-Twilio-Email-Event-Webhook-Signature",
  signed: ["X-Twilio-Email-Event-Webhook-Timestamp"],
  accepts: (key, headers, body) => {
    const webhook = new sendgrid.EventWebhook();
    const own = webhook.convertPublicKeyToECDSA(key.export({ format: "der", type: "spki" }).toString("base64"));
    const of = (name) => headers[`x-twilio-email-event-webhook-${name}`];
    return webhook.verifySignature(own, body, of("signature"), of("timestamp"));
  },
  signs: (key, now, body) => sign("sha256", Buffer.concat([Buffer.from(now), body]), key).toString("base64"),
};

export async function makers() {
  for (const maker of [discord, twilio]) {
    const folder = mkdtempSync(join(tmpdir(), "countersign-interop-"));
    try {
      const { publicKey, privateKey } = maker.keys();
      const file = (name, key, type) => {
        writeFileSync(join(folder, name), key.export({ format: "pem", type }));
        return join(folder, name);
      };
      const made = {
        maker, publicKey, privateKey,
        signing: file("private.pem", privateKey, "pkcs8"),
        verifying: file("public.pem", publicKey, "spki"),
        other: file("other.pem", createPublicKey(maker.keys().privateKey), "spki"),
      };
      for (const [index, body] of BODIES.entries()) {
        await checked(`${maker.scheme}, body ${index}`, () => taken(made, Buffer.from(body)));
        await checked(`${maker.scheme}, body ${index}: its own`, () => signedByKey(made, Buffer.from(body)));
      }
    } finally {
      rmSync(folder, { recursive: true });
    }
  }
}

/** What countersign signs, before the library and before countersign itself. */
async function taken(made, body) {
  const message = { ...signed(made, body), body };

  assert.ok(await accepts(made, message), "the library refuses what countersign signed");
  equal(verified(made, message), 0, "countersign verify");
  equal(verified({ ...made, verifying: made.other }, message), 1, "countersign verify with another key");
  await forged(made, message);
}

/** What the key signs without countersign. */
async function signedByKey(made, body) {
  const { maker, privateKey } = made;
  const now = String(Math.floor(Date.now() / 1000));
  const message = { headers: [[maker.signature, maker.signs(privateKey, now, body)], [maker.signed[0], now]], body };

  assert.ok(await accepts(made, message), "the library refuses what its key signed");
  equal(verified(made, message), 0, "countersign verify");
  await forged(made, message);
}

async function forged(made, message) {
  for (const [what, other] of forgeries(made.maker, {}, message)) {
    assert.ok(!(await accepts(made, other)), `${what}: the library accepts a forgery`);
    equal(verified(made, other), 1, `${what}: countersign verify`);
  }
}

/** A library that throws refuses; one that throws at what is genuine is seen by that. */
async function accepts({ maker, publicKey }, { headers, body }) {
  try {
    return await maker.accepts(publicKey, Object.fromEntries(headers.map(([name, value]) => [name.toLowerCase(), value])), body);
  } catch {
    return false;
  }
}

function signed({ maker, signing }, body) {
  const done = run(["sign", "--scheme", maker.scheme, "--secret-file", signing, "--format", "json"], body);
  if (done.status !== 0) throw new Error(`countersign sign: exit ${done.status}: ${done.stderr}`);
  return { headers: JSON.parse(done.stdout).headers };
}

function verified({ maker, verifying }, { headers, body }) {
  const given = headers.flatMap(([name, value]) => ["-H", `${name}: ${value}`]);
  return run(["verify", "--scheme", maker.scheme, "--key-file", verifying, ...given], body).status;
}

function run(args, input) {
  return spawnSync(BINARY, args, { input, encoding: "utf8" });
}
