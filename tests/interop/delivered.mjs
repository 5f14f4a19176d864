// What the running gateway delivers, before receivers that verify it as the senders' documents and libraries do.

import assert from "node:assert/strict";

import { checked, equal } from "./checks.mjs";
import { deliveries } from "./corpus.mjs";
import { forgeries } from "./forgeries.mjs";
import { startGateway } from "./gateway.mjs";
import { startReceivers } from "./receivers.mjs";
import { isJws, schemeOf, senders } from "./senders.mjs";

/** As the senders send it. */
const CONTENT_TYPES = {
  lvconnect: "application/json",
  lmif: "application/json",
  loginradius: "application/json; charset=utf-8",
};

/** What an app posts arrives, signed so that each receiver takes it; what was changed on the way is refused. */
export async function delivered() {
  const receivers = await startReceivers();
  const { config, secrets } = configuration(receivers);
  const gateway = await startGateway(config, secrets);
  for (const sender of senders) {
    const ordinary = [...deliveries(sender, `${sender.name} delivered`)].filter((it) => worthDelivering(sender, it));
    for (const delivery of ordinary) {
      const check = (what, body) => checked(`${sender.name}, ${delivery.name}: ${what}`, body);
      await check("queued", () => queued(gateway, receivers, sender, delivery));
      await check("sync", () => sync(gateway, receivers, sender, delivery));
    }
    const check = (what, body) => checked(`${sender.name}: ${what}`, body);
    await check("tampered with", () => tampered(gateway, receivers, sender, ordinary[0]));
    await check("rotation", () => rotation(gateway, sender, ordinary[0]));
  }
  await checked("lmif: its envelope", () => lmifEnvelope(gateway, receivers));
  await checked("loginradius: its envelope", () => loginradiusEnvelope(gateway, receivers));
  await checked("jose: risr/advance's envelope", () => jwsEnvelope(gateway, receivers));
  await checked("the gateway stops in peace", async () => {
    const [code, output] = await gateway.stop();
    equal(code, 0, `${output}\nexit code`);
  });
  receivers.stop();
}

/**
 * Endpoints for each library: queued, sync, and two in the middle of a rotation, whose receivers know the new secret and
 * the old one.
 */
function configuration(receivers) {
  const [endpoints, secrets] = [{}, {}];
  const secret = (text) => {
    const env = `SECRET_${Object.keys(secrets).length}`;
    secrets[env] = text;
    return { env };
  };
  for (const sender of senders) {
    const old = oldSecret(sender);
    const endpoint = { scheme: schemeOf(sender), secrets: [secret(sender.secret)], retry: "none" };
    const add = (what, known, more) => {
      const url = receivers.add(`/${sender.name}/${what}`, sender, known);
      endpoints[`${sender.name}-${what}`] = { ...endpoint, url, ...more };
    };
    add("queue", sender.secret, {});
    add("sync", sender.secret, { delivery: "sync" });
    const both = [secret(sender.secret), secret(old)];
    add("new", sender.secret, { delivery: "sync", secrets: both });
    add("old", old, { delivery: "sync", secrets: both });
    if (ENVELOPES[sender.name]) add("envelope", sender.secret, { envelope: ENVELOPES[sender.name] });
  }
  const outbound = { listen: "127.0.0.1:0", egress: { allow: ["127.0.0.0/8"] }, endpoints };
  return { config: { outbound }, secrets };
}

const ENVELOPES = { "lmif-node": "lmif", "loginradius-node": "loginradius", "jose-hs256": "jws" };

const oldSecret = ({ secretOf = (it) => it }) => secretOf("an old secret of the receiver");

/** Bodies that are JSON, as some verifiers parse it, with the usual secret. */
const worthDelivering = (sender, { name }) => name.startsWith("data: ") || name.startsWith("layout: ");

/** The app posts an event. */
function posted(gateway, endpoint, { id, type, body }) {
  const names = [...(id ? [["Countersign-Event-Id", id]] : []), ...(type ? [["Countersign-Event-Type", type]] : [])];
  return gateway.post(`/endpoints/${endpoint}`, { headers: [["Content-Type", "application/json"], ...names], body });
}

async function queued(gateway, receivers, sender, delivery) {
  const endpoint = `${sender.name}-queue`;
  const arriving = receivers.next(`/${sender.name}/queue`);

  const answer = await posted(gateway, endpoint, delivery);

  equal(answer.status, 202, `${answer.body}\nstatus`);
  const [{ id, ...rest }, ...others] = JSON.parse(answer.body).deliveries;
  assert.match(id, /^[0-9a-f-]{36}$/);
  equal([rest, others], [{ endpoint }, []], "the rest of the answer");
  arrivedWell(sender, delivery, await arriving);
}

async function sync(gateway, receivers, sender, delivery) {
  const arriving = receivers.next(`/${sender.name}/sync`);

  const answer = await posted(gateway, `${sender.name}-sync`, delivery);

  arrivedWell(sender, delivery, await arriving);
  equal([answer.status, answer.body.toString()], [200, "OK"], "the receiver's answer");
}

function arrivedWell(sender, delivery, request) {
  assert.ok(request.accepted, "the receiver refuses what was delivered");
  equal(request.method, "POST", "method");
  const payload = isJws(sender) ? Buffer.from(request.body.toString().split(".")[1], "base64url") : request.body;
  assert.ok(payload.equals(delivery.body), "the receiver saw another body");
  const type = CONTENT_TYPES[sender.scheme];
  if (type) equal(valueOf(request, "Content-Type"), type, "Content-Type");
  if (sender.scheme === "lvconnect") {
    equal(valueOf(request, "X-LVConnect-Delivery"), delivery.id, "X-LVConnect-Delivery");
    equal(valueOf(request, "X-LVConnect-Event"), delivery.type, "X-LVConnect-Event");
  }
}

/** What was delivered, changed by somebody on the way and sent again. */
async function tampered(gateway, receivers, sender, delivery) {
  const arriving = receivers.next(`/${sender.name}/sync`);
  await posted(gateway, `${sender.name}-sync`, { ...delivery, id: `${delivery.id}-tampered` });
  const genuine = await arriving;

  equal((await receivers.post(`/${sender.name}/sync`, genuine)).status, 200, "status of what was delivered");
  for (const [what, forged] of forgeries(sender, delivery, genuine)) {
    equal((await receivers.post(`/${sender.name}/sync`, forged)).status, 401, `${what}: status`);
  }
}

/** A receiver that has changed over takes it, and one that has not only where the header carries several signatures. */
async function rotation(gateway, sender, delivery) {
  const changed = await posted(gateway, `${sender.name}-new`, delivery);
  const unchanged = await posted(gateway, `${sender.name}-old`, delivery);

  equal(changed.status, 200, "status with the new secret");
  equal(unchanged.status, sender.join ? 200 : 401, "status with the old secret");
}

async function lmifEnvelope(gateway, receivers) {
  const arriving = receivers.next("/lmif-node/envelope");
  await posted(gateway, "lmif-node-envelope", { id: "evt_envelope", type: "box.created", body: Buffer.from('{"name":"Zoé"}') });
  const { accepted, body } = await arriving;

  const { id, type, createdAt, data, meta } = JSON.parse(body);
  assert.ok(accepted, "the receiver refuses it");
  equal([id, type, data], ["evt_envelope", "box.created", { name: "Zoé" }], "event");
  assert.match(createdAt, /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?Z$/);
  equal(typeof meta, "object", "meta");
}

async function loginradiusEnvelope(gateway, receivers) {
  const arriving = receivers.next("/loginradius-node/envelope");
  await posted(gateway, "loginradius-node-envelope", { type: "UpdateProfile", body: Buffer.from('{"Uid":"793f","FirstName":"René"}') });
  const { accepted, body } = await arriving;

  const { HookName, Time, HookId, Data } = JSON.parse(body);
  assert.ok(accepted, "the receiver refuses it");
  equal([HookName, Data], ["updateprofile", { Uid: "793f", FirstName: "René" }], "event");
  assert.match(Time, /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?Z$/);
  assert.match(HookId, /^[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$/);
}

async function jwsEnvelope(gateway, receivers) {
  const arriving = receivers.next("/jose-hs256/envelope");
  await posted(gateway, "jose-hs256-envelope", { id: "f47bf223-f5dd-4f58-aa05-28aaa234aa75", body: Buffer.from('{"email":"john@doe.com"}') });
  const { accepted, body } = await arriving;

  const payload = JSON.parse(Buffer.from(body.toString().split(".")[1], "base64url"));
  assert.ok(accepted, "the receiver refuses it");
  equal(payload, { email: "john@doe.com", webhook_request_id: "f47bf223-f5dd-4f58-aa05-28aaa234aa75" }, "payload");
}

const valueOf = ({ headers }, wanted) => headers.find(([name]) => name.toLowerCase() === wanted.toLowerCase())?.[1];
