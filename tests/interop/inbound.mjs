// What the senders' libraries sign, through the real gateway.

import assert from "node:assert/strict";

import { checked, equal } from "./checks.mjs";
import { deliveries } from "./corpus.mjs";
import { forgeries } from "./forgeries.mjs";
import { startApp, startGateway } from "./gateway.mjs";
import { isJws, schemeOf, senders, sign } from "./senders.mjs";

const seconds = () => Math.floor(Date.now() / 1000);

/** What the libraries sign reaches the app; what was changed on the way does not. */
export async function inbound() {
  const app = await startApp();
  const { config, secrets } = configuration(app);
  const gateway = await startGateway(config, secrets);
  for (const sender of senders) {
    for (const delivery of deliveries(sender)) {
      if (sender.takes && !sender.takes(delivery)) continue;
      const message = await sign(sender, delivery, seconds());
      const check = (what, body) => checked(`${sender.name}, ${delivery.name}: ${what}`, body);
      // Forgeries first: one that passed would claim the event, and the genuine delivery would be taken for a repeat.
      for (const [what, forged] of forgeries(sender, delivery, message)) {
        await check(what, () => refused(gateway, app, sender, forged));
      }
      await check("delivered", () => delivered(gateway, app, sender, delivery, message));
      await check("repeated", () => repeated(gateway, app, sender, message));
    }
    await checked(`${sender.name}: the app fails, then succeeds`, () => failsFirst(gateway, app, sender));
    await checked(`${sender.name}: another secret`, () => otherSecret(gateway, app, sender));
    await checked(`${sender.name}: no signature`, () => unsigned(gateway, app, sender));
    if (isJws(sender)) await checked(`${sender.name}: forwarded as received`, () => forwardedAsReceived(gateway, app, sender));
  }
  await checked("the gateway stops in peace", async () => {
    const [code, output] = await gateway.stop();
    equal(code, 0, `${output}\nexit code`);
  });
  app.stop();
}

/** One source for each library, with all the secrets that it signs with; JWS has a second one that forwards the JWS. */
function configuration(app) {
  const [sources, secrets] = [{}, {}];
  for (const sender of senders) {
    const texts = new Set([...deliveries(sender)].map(({ secret }) => secret));
    const references = [...texts].map((text) => {
      const env = `SECRET_${Object.keys(secrets).length}`;
      secrets[env] = text;
      return { env };
    });
    const source = { path: `/hooks/${sender.name}`, scheme: schemeOf(sender), secrets: references, upstream: "app" };
    if (isJws(sender)) {
      source.event_type = { literal: "profile_updated" };
      sources[`${sender.name}-original`] = { ...source, path: `${source.path}/original`, forward: { body: "original" } };
    }
    sources[sender.name] = source;
  }
  const config = { inbound: { listen: "127.0.0.1:0", sources }, upstreams: { app: { url: app.url } } };
  return { config, secrets };
}

async function delivered(gateway, app, sender, delivery, message) {
  const headers = { "Content-Type": "application/json", "X-App": "yes" };
  app.answer = { status: 201, headers, body: `{"took":"${delivery.id}"}` };
  const claims = [["Countersign-Verified", "false"], ["Countersign-Event-Id", "forged"], ["Countersign-Source", "forged"]];

  const answer = await gateway.post(`/hooks/${sender.name}?a=1&b=%2f`, { ...message, headers: [...message.headers, ...claims] });

  equal(answer.status, 201, "status");
  equal(answer.headers["x-app"], "yes", "X-App");
  equal(answer.headers["countersign-replayed"], undefined, "Countersign-Replayed");
  equal(answer.body.toString(), app.answer.body, "answer");
  const [seen, ...others] = app.taken();
  equal(others.length, 0, "further requests that the app saw");
  const body = isJws(sender) ? Buffer.from(message.body.toString().split(".")[1], "base64url") : message.body;
  assert.ok(seen.body.equals(body), "the app saw another body");
  equal(seen.method, "POST", "method");
  equal(seen.url, `/hooks/${sender.name}?a=1&b=%2f`, "target");
  equal(seen.headers["content-length"], String(body.length), "Content-Length");
  equal(seen.headers["transfer-encoding"], undefined, "Transfer-Encoding");
  if (isJws(sender)) equal(seen.headers["content-type"], "application/json", "Content-Type");
  else for (const [name, value] of message.headers) equal(seen.headers[name.toLowerCase()], value, name);
  equal(seen.headers["countersign-source"], sender.name, "Countersign-Source");
  equal(seen.headers["countersign-verified"], "true", "Countersign-Verified");
  equal(seen.headers["countersign-attempt"], "1", "Countersign-Attempt");
  assert.ok(seen.headers["countersign-delivery"], "no Countersign-Delivery");
  equal(seen.headers["countersign-event-id"], delivery.eventId, "Countersign-Event-Id");
  const type = isJws(sender) ? "profile_updated" : delivery.eventType ?? undefined;
  equal(seen.headers["countersign-event-type"], type, "Countersign-Event-Type");
}

async function repeated(gateway, app, sender, message) {
  const first = app.answer;
  app.answer = { status: 500, headers: {}, body: "the app was asked again" };

  const answer = await gateway.post(`/hooks/${sender.name}`, message);

  equal(answer.status, first.status, "status");
  equal(answer.headers["countersign-replayed"], "true", "Countersign-Replayed");
  equal(answer.headers["content-type"], first.headers["Content-Type"], "Content-Type");
  equal(answer.body.toString(), first.body, "answer");
  equal(app.taken().length, 0, "requests that the app saw");
}

async function refused(gateway, app, sender, message) {
  const answer = await gateway.post(`/hooks/${sender.name}`, message);

  equal(answer.status, 401, "status");
  equal(answer.body.toString(), "", "answer");
  equal(app.taken().length, 0, "requests that the app saw");
}

/** A failure is passed on and claims nothing: the sender's retry reaches the app, and only its success is kept. */
async function failsFirst(gateway, app, sender) {
  const message = await sign(sender, ordinary(sender, "fails first"), seconds());
  app.answer = { status: 503, headers: { "Retry-After": "7" }, body: "not now" };
  const first = await gateway.post(`/hooks/${sender.name}`, message);
  app.answer = { status: 200, headers: { "Content-Type": "text/plain" }, body: "now" };
  const second = await gateway.post(`/hooks/${sender.name}`, message);
  const third = await gateway.post(`/hooks/${sender.name}`, message);

  equal([first.status, first.headers["retry-after"], first.body.toString()], [503, "7", "not now"], "first answer");
  equal([second, third].map(({ status, body }) => [status, body.toString()]), [[200, "now"], [200, "now"]], "next answers");
  equal([second, third].map(({ headers }) => headers["countersign-replayed"]), [undefined, "true"], "Countersign-Replayed");
  equal(app.taken().length, 2, "requests that the app saw");
}

async function otherSecret(gateway, app, sender) {
  const secret = sender.secretOf?.("a secret of somebody else") ?? "a secret of somebody else";
  await refused(gateway, app, sender, await sign(sender, { ...ordinary(sender, "other secret"), secret }, seconds()));
}

async function unsigned(gateway, app, sender) {
  const delivery = ordinary(sender, "unsigned");
  const { headers } = await sign(sender, delivery, seconds());
  await refused(gateway, app, sender, { headers: headers.filter(([name]) => name !== sender.signature), body: delivery.body });
}

async function forwardedAsReceived(gateway, app, sender) {
  const message = await sign(sender, ordinary(sender, "as received"), seconds());
  app.answer = { status: 200, headers: {}, body: "" };

  const answer = await gateway.post(`/hooks/${sender.name}/original`, message);

  equal(answer.status, 200, "status");
  assert.ok(app.taken()[0].body.equals(message.body), "the app saw another body");
}

/** An event like any other of this sender, with an id of its own. */
function ordinary(sender, name) {
  const [delivery] = deliveries(sender, `${sender.name} ${name}`);
  return delivery;
}
