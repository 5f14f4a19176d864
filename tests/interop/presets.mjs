// The libraries of further senders, at the commands `sign` and `verify`: each takes what countersign signs and nothing that
// was changed on the way, and countersign takes what each signs.
//
// A library has:
//   name, scheme, secret            who it is, the preset for it, and its usual secret
//   url                             what the sender was given, where it is signed
//   bodies                          () → what is signed, as text
//   signature, signed               the header that holds the signature, and further headers that it covers
//   accepts                         ({secret, headers, body, url}) → whether it takes this request; header names in lower case
//   signs                           ({secret, body, url, now}) → headers, where it signs
//   reads                           "again": it verifies what it parsed and wrote again, so that white space is nothing to it

import assert from "node:assert/strict";
import { Signature } from "@hubspot/api-client/lib/src/utils/signature.js";
import { LinearWebhookClient } from "@linear/sdk/webhooks";
import { Paddle } from "@paddle/paddle-node-sdk";
import { AwsLambdaReceiver } from "@zoom/rivet/meetings";
import { WebhooksManager } from "box-node-sdk/managers/webhooks";
import { WebhooksHelper } from "square";
// Its one class that verifies is not among its exports.
import { EventSubHttpBase } from "./node_modules/@twurple/eventsub-http/lib/EventSubHttpBase.js";

import { checked, equal } from "./checks.mjs";
import { forgeries } from "./forgeries.mjs";
import { countersignSign, countersignVerify } from "./gateway.mjs";

const BODIES = [
  '{"id":"evt_1","event_id":"evt_1","type":"a.b","event":"a.b","data":{"text":"Zoé, Привет, 漢字, 🦀","n":[1,-2.5,null,true]}}',
  '{"id":"evt_2","event_id":"evt_2","type":"a.b","event":"a.b","data":{"text":"\\u00e9 \\ud83e\\udd80 </script> \\\\ \\" \\n"}}',
  ' {\r\n\t"id": "evt_3",\n  "event_id" : "evt_3", "type": "a.b", "event": "a.b", "data": [ ] }\n',
];

const hubspot = {
  name: "@hubspot/api-client",
  scheme: "hubspot",
  secret: "yyyyyyyy-yyyy-yyyy-yyyy-yyyyyyyyyyyy",
  url: "https://hooks.example.com/hooks/hubspot?portal=a%3Ab%2Fc%40d&to=%C3%A9%20f&list=%28x%2Cy%29%3B%21%27%2A%24%3F",
  signature: "X-HubSpot-Signature-v3",
  signed: ["X-HubSpot-Request-Timestamp"],
  accepts: ({ secret, headers, body, url }) =>
    Signature.isValid({
      signatureVersion: "v3", method: "POST", clientSecret: secret, requestBody: body, url: decoded(url),
      signature: headers["x-hubspot-signature-v3"], timestamp: Number(headers["x-hubspot-request-timestamp"]),
    }),
  signs({ secret, body, url, now }) {
    const timestamp = now * 1000;
    const options = { clientSecret: secret, requestBody: body, url: decoded(url), timestamp };
    return [
      ["X-HubSpot-Signature-v3", Signature.getSignature("POST", "v3", options)],
      ["X-HubSpot-Request-Timestamp", String(timestamp)],
    ];
  },
};

const square = {
  name: "square",
  scheme: "square",
  secret: "Ibxx_5AKakO-3qeNVR61Dw",
  url: "https://hooks.example.com/hooks/square?shop=caf%C3%A9%2F1&a=b",
  signature: "x-square-hmacsha256-signature",
  accepts: ({ secret, headers, body, url }) =>
    WebhooksHelper.verifySignature({
      requestBody: body, signatureHeader: headers["x-square-hmacsha256-signature"], signatureKey: secret, notificationUrl: url,
    }),
};

const paddle = {
  name: "@paddle/paddle-node-sdk",
  scheme: "paddle",
  secret: "pdl_ntfset_01hv8gptq8987qhhqjb56jrkb2_secret",
  signature: "Paddle-Signature",
  accepts: ({ secret, headers, body }) => new Paddle("key").webhooks.isSignatureValid(body, secret, headers["paddle-signature"]),
};

const linear = {
  name: "@linear/sdk",
  scheme: "linear",
  secret: "lin_wh_of_the_interop_suite",
  bodies: () => BODIES.map((body) => body.replace("{", () => `{"webhookTimestamp":${Date.now()},`)),
  signature: "Linear-Signature",
  accepts: ({ secret, headers, body }) => new LinearWebhookClient(secret).verify(Buffer.from(body), headers["linear-signature"]),
};

const box = {
  name: "box-node-sdk",
  scheme: "box",
  secret: "SamplePrimaryKey",
  signature: "BOX-SIGNATURE-PRIMARY",
  signed: ["BOX-DELIVERY-TIMESTAMP"],
  accepts: ({ secret, headers, body }) => WebhooksManager.validateMessage(body, headers, secret),
};

const zoom = {
  name: "@zoom/rivet",
  scheme: "zoom",
  secret: "zoom_secret_token",
  bodies: () => BODIES.map((body) => JSON.stringify(JSON.parse(body))),
  reads: "again",
  signature: "x-zm-signature",
  signed: ["x-zm-request-timestamp"],
  async accepts({ secret, headers, body }) {
    const receiver = new AwsLambdaReceiver({ webhooksSecretToken: secret });
    const handle = receiver.start();
    receiver.eventEmitter = { emit() {} };
    const { debug } = console;
    console.debug = () => {}; // it tells of each event
    try {
      return (await handle({ body, headers, isBase64Encoded: false }, {})).statusCode === 200;
    } finally {
      console.debug = debug;
    }
  },
};

const twitch = {
  name: "@twurple/eventsub-http",
  scheme: "twitch",
  secret: "s3cRe7s3cRe7",
  signature: "Twitch-Eventsub-Message-Signature",
  signed: ["Twitch-Eventsub-Message-Id", "Twitch-Eventsub-Message-Timestamp"],
  accepts({ secret, headers, body }) {
    const of = (name) => headers[`twitch-eventsub-message-${name}`];
    return EventSubHttpBase.prototype._verifyData.call({ _secret: secret }, of("id"), of("timestamp"), body, of("signature"));
  },
};

const LIBRARIES = [hubspot, square, paddle, linear, box, zoom, twitch];

export async function presets() {
  for (const library of LIBRARIES) {
    for (const [index, body] of (library.bodies?.() ?? BODIES).entries()) {
      await checked(`${library.name}, body ${index}`, () => taken(library, body));
      if (library.signs) await checked(`${library.name}, body ${index}: its own`, () => signedByLibrary(library, body));
    }
    await checked(`${library.name}: another secret`, () => otherSecret(library));
    if (library.url) await checked(`${library.name}: another URL`, () => otherUrl(library));
  }
}

/** What countersign signs, before the library and before countersign itself. */
async function taken(library, body) {
  const { scheme, secret, url } = library;
  const message = countersignSign(scheme, { secret, id: "8f7e0a52-0001-4000-8000-000000000001", body, url });

  equal(message.body.toString(), body, "the body that countersign signed");
  assert.ok(await accepts(library, message), "the library refuses what countersign signed");
  equal(countersignVerify(scheme, { secret, ...message, url }), 0, "countersign verify");
  for (const [what, forged] of forgeries(library, {}, message)) {
    if (library.reads === "again" && what === "body longer") continue;
    assert.ok(!(await accepts(library, forged)), `${what}: the library accepts a forgery`);
    equal(countersignVerify(scheme, { secret, ...forged, url }), 1, `${what}: countersign verify`);
  }
}

async function signedByLibrary(library, body) {
  const { scheme, secret, url } = library;
  const headers = library.signs({ secret, body, url, now: Math.floor(Date.now() / 1000) });
  const message = { headers, body: Buffer.from(body) };

  equal(countersignVerify(scheme, { secret, ...message, url }), 0, "countersign verify");
  for (const [what, forged] of forgeries(library, {}, message)) {
    equal(countersignVerify(scheme, { secret, ...forged, url }), 1, `${what}: countersign verify`);
  }
}

async function otherSecret(library) {
  const [body] = library.bodies?.() ?? BODIES;
  const message = countersignSign(library.scheme, { secret: "somebody else's secret", id: "1", body, url: library.url });

  assert.ok(!(await accepts(library, message)), "the library accepts it");
  equal(countersignVerify(library.scheme, { secret: library.secret, ...message, url: library.url }), 1, "countersign verify");
}

async function otherUrl(library) {
  const { scheme, secret, url } = library;
  const message = countersignSign(scheme, { secret, id: "1", body: BODIES[0], url });

  for (const other of [`${url}x`, url.replace("https", "http"), url.replace("/hooks/", "/Hooks/"), url.split("?")[0]]) {
    assert.ok(!(await accepts({ ...library, url: other }, message)), `${other}: the library accepts it`);
    equal(countersignVerify(scheme, { secret, ...message, url: other }), 1, `${other}: countersign verify`);
  }
}

/** A library that throws refuses; one that throws at what is genuine is seen by that. */
async function accepts({ accepts, secret, url }, { headers, body }) {
  const lower = Object.fromEntries(headers.map(([name, value]) => [name.toLowerCase(), value]));
  try {
    return await accepts({ secret, headers: lower, body: body.toString(), url });
  } catch {
    return false;
  }
}

/** A URL as HubSpot's document says to decode it; its library leaves that to the app. */
function decoded(url) {
  return url.replace(/%(3A|2F|3F|40|21|24|27|28|29|2A|2C|3B)/gi, (escaped) => decodeURIComponent(escaped));
}
