// What countersign signs, before the senders' libraries; and the command `verify` on what they sign.

import assert from "node:assert/strict";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";

import { checked, equal } from "./checks.mjs";
import { deliveries } from "./corpus.mjs";
import { forgeries } from "./forgeries.mjs";
import { countersignSign, countersignVerify } from "./gateway.mjs";
import { isJws, schemeOf, senders, sign } from "./senders.mjs";

const folder = mkdtempSync(join(tmpdir(), "countersign-interop-"));
const seconds = () => Math.floor(Date.now() / 1000);

/** What `countersign sign` makes is accepted by the libraries' own verifiers, and `countersign verify` takes what they sign. */
export async function outbound() {
  for (const sender of senders) {
    const scheme = schemeArgument(sender);
    const signs = [...deliveries(sender)].filter((it) => worthSigning(sender, it));
    for (const delivery of signs) {
      const check = (what, body) => checked(`${sender.name}, ${delivery.name}: ${what}`, body);
      await check("signed by countersign", () => signedByCountersign(scheme, sender, delivery));
    }
    for (const delivery of signs.slice(0, 3)) {
      const check = (what, body) => checked(`${sender.name}, ${delivery.name}: ${what}`, body);
      const { headers, body } = await sign(sender, delivery, seconds());
      const [[, forged]] = forgeries(sender, delivery, { headers, body });
      await check("countersign verify", () => {
        equal(countersignVerify(scheme, { ...delivery, headers, body }), 0, "exit code");
        equal(countersignVerify(scheme, { ...delivery, ...forged }), 1, "exit code of a forgery");
      });
    }
  }
  rmSync(folder, { recursive: true });
}

/** Bodies that are JSON (some verifiers parse it), with usual secrets and ids. */
function worthSigning(sender, { name }) {
  return name.startsWith("data: ") || name.startsWith("layout: ") || (name.startsWith("secret: ") && !isJws(sender));
}

async function signedByCountersign(scheme, sender, delivery) {
  const signed = countersignSign(scheme, delivery);
  const headers = Object.fromEntries(signed.headers.map(([name, value]) => [name.toLowerCase(), value]));
  const { secret } = delivery;
  const accepts = (body, more) => sender.accepts({ secret, headers: { ...headers, ...more }, body, now: seconds() });

  assert.ok(await accepts(signed.body), "the library refuses what countersign signed");
  if (!isJws(sender)) assert.ok(signed.body.equals(delivery.body), "countersign changed the body");
  for (const [what, forged] of forgeries(sender, delivery, signed)) {
    const lower = Object.fromEntries(forged.headers.map(([name, value]) => [name.toLowerCase(), value]));
    assert.ok(!(await accepts(forged.body, lower)), `${what}: the library accepts a forgery`);
  }
}

/** What `--scheme` takes: a preset's name, or a file that holds a scheme. */
function schemeArgument(sender) {
  const scheme = schemeOf(sender);
  if (typeof scheme === "string") return scheme;
  const file = join(folder, `${sender.name}.yaml`);
  writeFileSync(file, JSON.stringify(scheme));
  return file;
}
