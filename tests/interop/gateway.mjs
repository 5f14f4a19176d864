// The real binary, a recording app behind it, and a connection to send with.

import { spawn, spawnSync } from "node:child_process";
import { once } from "node:events";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { createServer, Agent, request } from "node:http";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";

export const BINARY = process.env.COUNTERSIGN_BIN ?? fileURLToPath(new URL("../debug/countersign", import.meta.url));
const START_LIMIT = 20_000; // milliseconds
const LISTENING = /^(?!.*outbound).*listening\b.*?(127\.0\.0\.1:\d+)/m;
const LISTENING_TO_THE_APP = /outbound listening\b.*?(127\.0\.0\.1:\d+)/;

/** An app that keeps every request and answers what `answer` says. */
export async function startApp() {
  const app = { received: [], answer: { status: 200, headers: { "Content-Type": "text/plain" }, body: "ok" } };
  const server = createServer(async (incoming, response) => {
    const chunks = [];
    for await (const chunk of incoming) chunks.push(chunk);
    const { method, url, headers, rawHeaders } = incoming;
    app.received.push({ method, url, headers, rawHeaders, body: Buffer.concat(chunks) });
    response.writeHead(app.answer.status, app.answer.headers).end(app.answer.body);
  });
  server.keepAliveTimeout = 60_000;
  await once(server.listen(0, "127.0.0.1"), "listening");
  /** What arrived since the last call. */
  app.taken = () => app.received.splice(0);
  app.url = `http://127.0.0.1:${server.address().port}`;
  app.stop = () => { server.closeAllConnections(); server.close(); };
  return app;
}

/**
 * `countersign run` with this configuration (JSON is YAML) and these secrets in its environment. Where it has `outbound`,
 * posts go there.
 */
export async function startGateway(config, secrets) {
  const folder = mkdtempSync(join(tmpdir(), "countersign-interop-"));
  const sources = Object.values(config.inbound?.sources ?? {});
  if (config.outbound || sources.some(({ delivery }) => delivery === "queue")) {
    config = { ...config, store: { sqlite: { path: join(folder, "store.db") } } };
  }
  const file = join(folder, "countersign.yaml");
  writeFileSync(file, JSON.stringify(config, null, 2));
  const env = { ...process.env, ...secrets };
  const child = spawn(BINARY, ["run", "--config", file], { env, stdio: ["ignore", "pipe", "pipe"] });
  const output = { text: "" };
  const exit = once(child, "exit");
  process.once("exit", () => child.kill());
  const address = await listening(child, output, config.outbound ? LISTENING_TO_THE_APP : LISTENING);
  const agent = new Agent({ keepAlive: true });
  return {
    post: (path, message) => post(agent, address, path, message),
    /** Its exit code, and the end of what it wrote. */
    async stop() {
      agent.destroy();
      child.kill("SIGTERM");
      const [code] = await exit;
      rmSync(folder, { recursive: true });
      return [code, output.text.slice(-2000)];
    },
  };
}

/** `countersign sign`: the request that it prints, for any of the senders' schemes. */
export function countersignSign(scheme, { secret, id, type, body, url }) {
  const names = [...(id ? ["--event-id", id] : []), ...(type ? ["--event-type", type] : []), ...(url ? ["--url", url] : [])];
  const done = countersign(["sign", "--scheme", scheme, "--secret-env", "SECRET", "--format", "json", ...names], secret, body);
  if (done.status !== 0) throw new Error(`countersign sign: exit ${done.status}: ${done.stderr}`);
  const { headers, body_base64 } = JSON.parse(done.stdout);
  return { headers, body: Buffer.from(body_base64, "base64") };
}

/** `countersign verify`: its exit code. */
export function countersignVerify(scheme, { secret, headers, body, url }) {
  const given = [...headers.flatMap(([name, value]) => ["-H", `${name}: ${value}`]), ...(url ? ["--url", url] : [])];
  return countersign(["verify", "--scheme", scheme, "--secret-env", "SECRET", ...given], secret, body).status;
}

/** `countersign send`: its exit code, and its report. */
export function countersignSend(scheme, secret, to, more) {
  const done = countersign(["send", "--scheme", scheme, "--secret-env", "SECRET", "--to", to, "--format", "json", ...more], secret);
  if (done.status > 1) throw new Error(`countersign send: exit ${done.status}: ${done.stderr}`);
  return [done.status, JSON.parse(done.stdout)];
}

function countersign(args, secret, input) {
  return spawnSync(BINARY, args, { input, env: { ...process.env, SECRET: secret }, encoding: "utf8" });
}

/** The address that the process says it listens on; what it wrote so far is the message if it does not. */
function listening(child, output, pattern) {
  return new Promise((resolve, reject) => {
    const fail = (why) => reject(new Error(`countersign run: ${why}\n${output.text}`));
    const timer = setTimeout(() => fail("does not say where it listens"), START_LIMIT);
    child.once("error", (error) => fail(error.message));
    child.once("exit", (code) => fail(`exit ${code}`));
    for (const stream of [child.stdout, child.stderr]) {
      stream.on("data", (chunk) => {
        output.text = (output.text + chunk).slice(-100_000);
        const found = pattern.exec(output.text);
        if (found) { clearTimeout(timer); resolve(found[1]); }
      });
    }
  });
}

export function post(agent, address, path, { headers, body }) {
  const [host, port] = address.split(":");
  const all = { ...Object.fromEntries(headers), "Content-Length": body.length };
  return new Promise((resolve, reject) => {
    const outgoing = request({ agent, host, port, path, method: "POST", headers: all }, async (response) => {
      const chunks = [];
      for await (const chunk of response) chunks.push(chunk);
      resolve({ status: response.statusCode, headers: response.headers, body: Buffer.concat(chunks) });
    });
    outgoing.once("error", reject).end(body);
  });
}
