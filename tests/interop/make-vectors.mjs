// Writes tests/vectors/senders/*.json with the libraries for Node; with --check says whether the committed files are what
// the libraries make. Usage: node make-vectors.mjs [--check] FOLDER

import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { isDeepStrictEqual } from "node:util";

import { deliveries } from "./corpus.mjs";
import { senders, sign } from "./senders.mjs";

const FIRST = 1767225600; // 2026-01-01T00:00:00Z: fixed, so that every run writes the same files

const folder = process.argv.at(-1);
const check = process.argv.includes("--check");
const tally = { passed: 0, failed: 0 };
for (const sender of senders) {
  const file = { maker: sender.maker, version: sender.version, scheme: sender.scheme, algorithm: sender.algorithm, cases: [] };
  for (const delivery of deliveries(sender)) {
    if (sender.takes && !sender.takes(delivery)) continue;
    file.cases.push(await vector(sender, delivery, FIRST + file.cases.length));
  }
  const path = join(folder, `${sender.name}.json`);
  if (check) compare(path, file);
  else writeFileSync(path, written(file));
}
if (check) console.log(`${tally.passed} passed, ${tally.failed} failed`);
process.exitCode = tally.failed ? 1 : 0;

/** The request that a library makes of a delivery. What it cannot sign itself it must accept at least. */
async function vector(sender, delivery, now) {
  const { secret, eventId, eventType } = delivery;
  const { headers, body } = await sign(sender, delivery, now);
  const lower = Object.fromEntries(headers.map(([name, value]) => [name.toLowerCase(), value]));
  if (sender.verifiesOnly && !(await sender.accepts({ secret, headers: lower, body, now }))) {
    throw new Error(`${sender.maker} refuses "${delivery.name}"`);
  }
  return {
    name: delivery.name, secret, now, method: "POST", path: "/hooks/sender", query: "", headers,
    body_base64: body.toString("base64"), event_id: eventId, event_type: eventType ?? undefined, valid: true,
  };
}

/** One case a line, so that a change is seen case by case. */
function written({ cases, ...head }) {
  const lines = cases.map((it) => `    ${JSON.stringify(it)}`).join(",\n");
  return `${JSON.stringify(head, null, 2).slice(0, -2)},\n  "cases": [\n${lines}\n  ]\n}\n`;
}

function compare(path, file) {
  const { version: _, ...committed } = JSON.parse(readFileSync(path, "utf8"));
  const { version: __, ...made } = JSON.parse(written(file));
  const same = isDeepStrictEqual(committed, made);
  tally[same ? "passed" : "failed"]++;
  if (!same) console.log(`FAILED ${path}: ${file.maker} ${file.version} makes something else`);
}
