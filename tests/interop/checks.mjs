// Counts what passed and shows what failed.

import assert from "node:assert/strict";
import { isDeepStrictEqual } from "node:util";

const FAILURES_SHOWN = 40;
const tally = { passed: 0, failed: 0 };

export async function checked(name, body) {
  try {
    await body();
    tally.passed++;
  } catch (error) {
    const why = error.code === "ERR_ASSERTION" ? error.message : error.stack;
    if (tally.failed++ < FAILURES_SHOWN) console.log(`FAILED ${name}: ${why}`);
  }
}

/** Fails with both values and what they are. */
export function equal(found, expected, what) {
  assert.ok(isDeepStrictEqual(found, expected), `${what}: ${JSON.stringify(found)} instead of ${JSON.stringify(expected)}`);
}

/** The closing line, which tests/run adds up, and the exit code. */
export function close() {
  if (tally.failed > FAILURES_SHOWN) console.log(`… and ${tally.failed - FAILURES_SHOWN} failures more`);
  console.log(`${tally.passed} passed, ${tally.failed} failed`);
  process.exitCode = tally.failed ? 1 : 0;
}
