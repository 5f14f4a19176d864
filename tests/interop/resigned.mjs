// What the senders' libraries sign, through a gateway that signs it anew for apps that verify one library's signature each.

import assert from "node:assert/strict";

import { checked, equal } from "./checks.mjs";
import { deliveries } from "./corpus.mjs";
import { forgeries } from "./forgeries.mjs";
import { startGateway } from "./gateway.mjs";
import { startReceivers } from "./receivers.mjs";
import { isJws, schemeOf, senders, sign } from "./senders.mjs";

/** A token is a body of its own: such a scheme cannot sign what an app gets. */
const apps = senders.filter((sender) => !isJws(sender));

/** Each app takes what comes from any sender; what was changed behind the gateway, it does not. */
export async function resigned() {
  const receivers = await startReceivers();
  const { config, secrets } = configuration(receivers);
  const gateway = await startGateway(config, secrets);
  for (const app of apps) {
    for (const sender of senders) {
      for (const how of ["sync", "queue"]) {
        await checked(`${sender.name} signed for ${app.name}: ${how}`, () => taken(gateway, receivers, sender, app, how));
      }
    }
    await checked(`${app.name}: tampered with`, () => tampered(gateway, receivers, app));
  }
  await checked("the gateway stops in peace", async () => {
    const [code, output] = await gateway.stop();
    equal(code, 0, `${output}\nexit code`);
  });
  receivers.stop();
}

/** An upstream for each library that verifies, and for each of them sources for all that sign. */
function configuration(receivers) {
  const [sources, upstreams, secrets] = [{}, {}, {}];
  const secret = (text) => {
    const env = `SECRET_${Object.keys(secrets).length}`;
    secrets[env] = text;
    return { env };
  };
  for (const app of apps) {
    const known = secretOfApp(app);
    const url = new URL(receivers.add(`/${app.name}`, app, known)).origin;
    const sign = { scheme: schemeOf(app), secrets: [secret(known)] };
    upstreams[app.name] = { url, sign, retry: "none" };
    for (const sender of senders) {
      for (const how of ["sync", "queue"]) {
        const path = pathOf(sender, app, how);
        const forward = { path: `/${app.name}` };
        const source = { path, scheme: schemeOf(sender), upstream: app.name, delivery: how, forward };
        sources[path.slice(1).replaceAll("/", "-")] = { ...source, secrets: [secret(sender.secret)] };
      }
    }
  }
  return { config: { inbound: { listen: "127.0.0.1:0", sources }, upstreams }, secrets };
}

/** Another one than that of the sender of the same scheme. */
const secretOfApp = ({ secretOf = (it) => it }) => secretOf("a secret of the app alone");

const pathOf = (sender, app, how) => `/${sender.name}/${app.name}/${how}`;

async function taken(gateway, receivers, sender, app, how) {
  const { delivery, message, answer, request } = await sent(gateway, receivers, sender, app, how);

  equal(answer.status, how === "sync" ? 200 : 202, `${answer.body}\nstatus`);
  assert.ok(request.accepted, "the app refuses what was signed for it");
  const body = isJws(sender) ? delivery.body : message.body;
  assert.ok(request.body.equals(body), "the app saw another body");
  equal(valuesOf(request, "Countersign-Source"), [`${sender.name}-${app.name}-${how}`], "Countersign-Source");
  equal(valuesOf(request, "Countersign-Event-Id"), [delivery.eventId], "Countersign-Event-Id");
  for (const name of [app.signature, ...(app.signed ?? [])]) equal(valuesOf(request, name).length, 1, `number of ${name}`);
}

/** What an app got, changed by somebody on the way and sent again. */
async function tampered(gateway, receivers, app) {
  const { delivery, request } = await sent(gateway, receivers, senders[0], app, "sync", "tampered");

  equal((await receivers.post(`/${app.name}`, request)).status, 200, "status of what was delivered");
  for (const [what, forged] of forgeries(app, delivery, request)) {
    equal((await receivers.post(`/${app.name}`, forged)).status, 401, `${what}: status`);
  }
}

async function sent(gateway, receivers, sender, app, how, seed = "resigned") {
  const [delivery] = deliveries(sender, `${sender.name} ${app.name} ${how} ${seed}`);
  const message = await sign(sender, delivery, Math.floor(Date.now() / 1000));
  // What the app goes by, an attacker may have written as well.
  const forged = sender.signature === app.signature ? [] : [[app.signature, "forged"]];
  const arriving = receivers.next(`/${app.name}`);
  const answer = await gateway.post(pathOf(sender, app, how), { ...message, headers: [...message.headers, ...forged] });
  return { delivery, message, answer, request: await arriving };
}

function valuesOf({ headers }, wanted) {
  return headers.filter(([name]) => name.toLowerCase() === wanted.toLowerCase()).map(([, value]) => value);
}
