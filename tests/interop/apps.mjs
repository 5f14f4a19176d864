// Receivers as the senders' documents mean them, each in a server of its kind, behind countersign: each verifies for
// itself what it gets, and gets each event once, exactly as its sender's document promises.
//
// Usage: node apps.mjs [NAME...], with names from APPS; none: all. COUNTERSIGN_BIN names the binary; left out: ../debug/countersign

import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { Agent } from "node:http";
import { createInterface } from "node:readline";
import { fileURLToPath } from "node:url";

import { checked, close, equal } from "./checks.mjs";
import { deliveries } from "./corpus.mjs";
import { forgeries } from "./forgeries.mjs";
import { countersignSend, post, startGateway } from "./gateway.mjs";
import { senders, sign } from "./senders.mjs";

/** How each is started; all of them say on which port they listen, and then a line of JSON for each request. */
const APPS = {
  express: ["node", "apps/express.mjs"],
  hapi: ["node", "apps/hapi.mjs"],
  php: ["php", "-S", "127.0.0.1:0", "apps/receiver.php"],
  aiohttp: ["venv/bin/python", "apps/with_aiohttp.py"],
};

const FOLDER = fileURLToPath(new URL(".", import.meta.url));
const LIMIT = 20_000; // milliseconds

/** The four senders: whose entry of senders.mjs signs, and what its receivers answer. */
const FOUR = {
  lvconnect: { by: "lvconnect-node", status: 204, answer: () => "" },
  loginradius: { by: "loginradius-node", status: 200, answer: ({ id }) => ({ received: id }) },
  lmif: { by: "lmif-node", status: 200, answer: () => "OK" },
  risr: { by: "jose-hs256", status: 200, answer: () => ({ ok: true }) },
};

/** What it says of itself beside what the entry sends. Python's `requests` gives a text no Content-Type. */
const MORE = { lvconnect: [["Accept-Encoding", "gzip,deflate"]], loginradius: [["accept-encoding", "gzip, deflate"]] };
const LESS = { risr: ["Content-Type"] };

/** Of what `countersign send` sends: the types, and what the senders' documents and captured requests have in their heads. */
const PLAYED = {
  lvconnect: {
    types: ["user:created", "user:deleted", "user:modified"],
    head: ["x-lvconnect-signature", "x-lvconnect-event", "x-lvconnect-delivery", "content-type", "accept", "user-agent"],
  },
  loginradius: {
    types: ["login", "register", "updateprofile"],
    head: ["accept", "accept-encoding", "content-type", "request-context", "request-id", "signature", "user-agent"],
  },
  lmif: {
    types: ["box.created", "detection.match_found", "grace_period.started", "license.approved", "violation.detected"],
    head: ["x-lmif-signature", "content-type"],
  },
  risr: { types: [null], head: ["content-length"] },
};

const MODES = ["sync", "queue"];

/** JSON that is other JSON once it was parsed and written again, and some that is large. */
const WORTH = [
  "layout: pretty with CRLF and tabs", "layout: white space around it", "layout: id and type last",
  "data: text in other scripts", "data: text in other scripts, escaped", "data: numbers", "data: odd names",
  "data: a name given twice further down", "data: 64 KiB",
];

const agent = new Agent();

for (const name of Object.keys(FOUR)) {
  const { by } = FOUR[name];
  FOUR[name].sender = senders.find((it) => it.name === by);
}
const apps = await Promise.all((process.argv.length > 2 ? process.argv.slice(2) : Object.keys(APPS)).map(start));
const { config, secrets } = configuration();
const gateway = await startGateway(config, secrets);
for (const app of apps) {
  for (const name of Object.keys(FOUR)) {
    for (const mode of MODES) await through(app, name, mode);
    await checked(`${app.name}, ${name}: past the gateway`, () => pastTheGateway(app, name));
    await checked(`${app.name}, ${name}: countersign send`, () => played(app, name));
  }
}
await checked("the gateway stops in peace", async () => {
  const [code, output] = await gateway.stop();
  equal(code, 0, `${output}\nexit code`);
});
for (const app of apps) {
  await checked(`${app.name}: nothing else arrived`, () => equal(app.arrived.map(({ target, event }) => [target, event]), [], "requests"));
  app.stop();
}
close();

/** Starts an app; `next` is the next request that it tells of. */
async function start(name) {
  const [command, ...args] = APPS[name];
  const secrets = Object.entries(FOUR).map(([it, { sender }]) => [secretOf(it), sender.secret]);
  const env = { ...process.env, ...Object.fromEntries(secrets) };
  const child = spawn(command, args, { cwd: FOLDER, env, stdio: ["ignore", "pipe", "pipe"] });
  process.once("exit", () => child.kill());
  const [arrived, waiting] = [[], []];
  const listening = new Promise((resolve, reject) => {
    const timer = setTimeout(() => reject(new Error(`${name} does not listen`)), LIMIT);
    child.once("error", reject);
    child.once("exit", (code) => reject(new Error(`${name}: exit ${code}`)));
    const line = (text) => {
      const port = /^listening (\d+)$|127\.0\.0\.1:(\d+)\) started$/.exec(text);
      if (port) { clearTimeout(timer); return resolve(port[1] ?? port[2]); }
      if (!text.startsWith("{")) return;
      const { body, ...rest } = JSON.parse(text);
      const request = { ...rest, body: Buffer.from(body, "base64") };
      const waiter = waiting.shift();
      if (waiter) waiter(request); else arrived.push(request);
    };
    createInterface(child.stdout).on("line", line);
    createInterface(child.stderr).on("line", line);
  });
  const address = `127.0.0.1:${await listening}`;
  return {
    name, address, arrived,
    next: () => arrived.length ? Promise.resolve(arrived.shift()) : new Promise((resolve, reject) => {
      const timer = setTimeout(() => reject(new Error("nothing arrived")), LIMIT);
      waiting.push((request) => { clearTimeout(timer); resolve(request); });
    }),
    stop: () => child.kill(),
  };
}

/** A source for each sender, each app, and each way to deliver. */
function configuration() {
  const [sources, upstreams, secrets] = [{}, {}, {}];
  for (const { name: app, address } of apps) {
    upstreams[app] = { url: `http://${address}` };
    for (const [name, { sender }] of Object.entries(FOUR)) {
      secrets[secretOf(name)] = sender.secret;
      for (const mode of MODES) {
        const source = { path: `/${mode}/${app}/${name}`, scheme: sender.scheme, secrets: [{ env: secretOf(name) }] };
        const forward = { path: `/hooks/${name}`, ...(name === "risr" ? { body: "original" } : {}) };
        sources[`${name}-${app}-${mode}`] = { ...source, upstream: app, delivery: mode, forward };
      }
    }
  }
  return { config: { inbound: { listen: "127.0.0.1:0", sources }, upstreams }, secrets };
}

function secretOf(name) {
  return `${name.toUpperCase()}_SECRET`;
}

/** Events of a sender on their way to an app: tampered with, good, and again. */
async function through(app, name, mode) {
  const path = `/${mode}/${app.name}/${name}`;
  for (const delivery of deliveries(FOUR[name].sender, path)) {
    if (!WORTH.includes(delivery.name)) continue;
    const message = await signed(name, delivery);
    const check = (what, body) => checked(`${app.name}, ${name}, ${mode}, ${delivery.name}: ${what}`, body);
    for (const [what, forged] of forgeries(FOUR[name].sender, delivery, message)) {
      await check(what, async () => equal((await gateway.post(path, forged)).status, 401, "status"));
    }
    const answers = [];
    await check("good", async () => {
      const arriving = app.next();
      arriving.catch(() => {}); // a check that failed before does not wait for it
      answers.push(await gateway.post(path, message));
      answered(mode, name, delivery, answers[0]);
      promised(name, delivery, message, await arriving);
    });
    await check("again", async () => {
      const answer = await gateway.post(path, message);
      equal(answer.headers["countersign-replayed"], "true", "Countersign-Replayed");
      equal([answer.status, answer.body.toString()], [answers[0].status, answers[0].body.toString()], "answer");
    });
  }
}

/** The request as the sender makes it. */
async function signed(name, delivery) {
  const { headers, body } = await sign(FOUR[name].sender, delivery, Math.floor(Date.now() / 1000));
  const kept = headers.filter(([header]) => !LESS[name]?.includes(header));
  return { headers: [...kept, ...(MORE[name] ?? [])], body };
}

/** What the sender is answered: the app's own answer, or that its event is on disk. */
function answered(mode, name, delivery, { status, headers, body }) {
  if (mode === "queue") {
    equal([status, Object.keys(JSON.parse(body))], [202, ["delivery"]], "answer");
    return;
  }
  const { status: expected, answer } = FOUR[name];
  const said = headers["content-type"]?.startsWith("application/json") ? JSON.parse(body) : body.toString();
  equal([status, said], [expected, answer(delivery)], "answer");
}

/** What the app got is what its sender's document promises: a POST of these bytes with these headers, each once. */
function promised(name, delivery, message, request) {
  assert.ok(request.accepted, "the app refuses what countersign has verified");
  equal([request.method, request.target], ["POST", `/hooks/${name}`], "request line");
  assert.ok(request.body.equals(message.body), "the app got other bytes");
  for (const [header, value] of message.headers) equal(request.headers[header.toLowerCase()], value, header);
  if (LESS[name]) for (const header of LESS[name]) equal(request.headers[header.toLowerCase()], undefined, header);
  equal(request.headers["content-length"], String(message.body.length), "Content-Length");
  equal(request.headers["transfer-encoding"], undefined, "Transfer-Encoding");
  const names = (request.rawHeaders ?? []).filter((_, at) => at % 2 === 0).map((header) => header.toLowerCase());
  equal(names.filter((header, at) => names.indexOf(header) !== at), [], "headers that are there twice");
  const type = name === "risr" ? null : delivery.type;
  equal(request.event, [type, delivery.id], "the type and the id that the app read");
  equal(request.headers["countersign-event-id"], delivery.eventId, "Countersign-Event-Id");
}

/** It believes nobody for coming from nowhere: these checks are its own. */
async function pastTheGateway(app, name) {
  const { sender } = FOUR[name];
  const [delivery] = deliveries(sender, `${app.name} ${name} past the gateway`);
  const message = await signed(name, delivery);
  const unsigned = name === "risr"
    ? { ...message, body: Buffer.from(message.body.toString().replace(/[^.]*$/, "")) }
    : { ...message, headers: message.headers.filter(([header]) => header !== sender.signature) };
  const sent = async (it) => (await post(agent, app.address, `/hooks/${name}`, it)).status;

  equal(await sent(message), FOUR[name].status, "status of what is genuine");
  equal((await app.next()).accepted, true, "accepted");
  for (const [what, forged] of [...forgeries(sender, delivery, message), ["unsigned", unsigned]]) {
    equal(await sent(forged), 401, `${what}: status`);
    equal((await app.next()).accepted, false, `${what}: accepted`);
  }
}

/** What `countersign send` plays is the sender: every app takes it, but for what was tampered with. */
async function played(app, name) {
  const { sender } = FOUR[name];
  const more = ["--count", "8", "--tamper", "4", "--duplicate", "2"];

  const [code, report] = countersignSend(sender.scheme, sender.secret, `http://${app.address}/hooks/${name}`, more);

  const requests = [];
  while (requests.length < 14) requests.push(await app.next());
  equal([code, report.good.success, report.tampered.refused, report.duplicate.replayed], [0, 8, 4, 0], JSON.stringify(report));
  const taken = requests.filter(({ accepted }) => accepted);
  equal(taken.length, 10, "requests that the app took");
  equal(new Set(taken.map(({ event }) => event[1])).size, 8, "ids");
  equal([...new Set(taken.map(({ event }) => event[0]))].sort(), PLAYED[name].types, "types");
  for (const header of PLAYED[name].head) assert.ok(taken[0].headers[header], `${header} is missing`);
}
