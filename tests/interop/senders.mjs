// The senders' libraries for Node: how each signs, and how each verifies.
//
// A sender has:
//   name, maker, scheme   the vectors' file, who signs, and the preset (or, as in a configuration file, the scheme) for it
//   secret, secretOf      its usual secret, and how any text becomes one (left out: as it is)
//   form                  its events: JSON member names, types to choose from, where id and type stand (see corpus.mjs)
//   takes                 which deliveries its library signs (left out: all)
//   send                  ({secret, id, type, body, now}) → {headers, body}: the request that it sends
//   accepts               ({secret, headers, body, now}) → whether it takes this request; header names are in lower case
//   join                  how its header carries two signatures, where it can (left out: it cannot)
//   signature, signed     the header that holds the signature ("body" for JWS), and further headers that it covers

import { createHmac, timingSafeEqual } from "node:crypto";
import { readFileSync } from "node:fs";
import { sign as octokitSign, verify as octokitVerify } from "@octokit/webhooks-methods";
import "@shopify/shopify-api/adapters/node";
import { LogSeverity, shopifyApi } from "@shopify/shopify-api";
import bolt from "@slack/bolt";
import { CompactSign, compactVerify } from "jose";
import { Webhook as StandardWebhook } from "standardwebhooks";
import Stripe from "stripe";
import { Webhook as SvixWebhook } from "svix";

const JSON_TYPE = ["Content-Type", "application/json"];

const lvconnect = {
  name: "lvconnect-node",
  maker: "Node's crypto, as in LVConnect's document",
  version: process.version,
  scheme: "lvconnect",
  secret: "TopSecretHookPassword@SuperStrong#123456",
  form: {
    names: { id: "id", type: "event", time: "createdAt", data: "user" },
    types: ["user:created", "user:modified", "user:deleted"], idIn: "header", typeIn: "header",
  },
  signature: "X-LVConnect-Signature",
  send: ({ secret, id, type, body }) => ({
    body,
    headers: [
      ["X-LVConnect-Signature", `sha1=${createHmac("sha1", secret).update(body).digest("hex")}`],
      ["X-LVConnect-Event", type], ["X-LVConnect-Delivery", id], JSON_TYPE,
      ["Accept", "*/*"], ["User-Agent", "node-fetch/1.0 (+https://github.com/bitinn/node-fetch)"],
    ],
  }),
  // The document's checkSignature, over the body as it came, and with a missing header refused.
  accepts({ secret, headers, body }) {
    const expected = `sha1=${createHmac("sha1", secret).update(body).digest("hex")}`;
    return same(expected, headers["x-lvconnect-signature"]);
  },
};

const loginradius = {
  name: "loginradius-node",
  maker: "Node's crypto, doing what the .NET sample of LoginRadius' document does",
  version: process.version,
  scheme: "loginradius",
  secret: "5fa3c9d8-1b7e-4a52-9c0e-7d1f6b2a8e43",
  form: {
    names: { id: "HookId", type: "HookName", time: "Time", data: "Data" },
    types: ["login", "register", "updateprofile"], idIn: "json", typeIn: "json", idWithDigest: true, typeInLowerCase: true,
  },
  signature: "signature",
  send: ({ secret, body }) => ({
    body,
    headers: [
      ["accept", "application/json"], ["content-type", "application/json; charset=utf-8"],
      ["request-context", "appId=cid-v1:205eb045-dc52-4a6a-bad6-a72e108bb45f"],
      ["request-id", "|99e0b989dbb4174cba1b839f3196e0ec.ba4af6aa_1."],
      ["signature", createHmac("sha256", secret).update(body).digest("hex").toUpperCase()],
      ["user-agent", "LoginRadius Service Consumer (https://www.loginradius.com)"],
    ],
  }),
  accepts({ secret, headers, body }) {
    return same(createHmac("sha256", secret).update(body).digest("hex").toUpperCase(), headers.signature);
  },
};

const lmif = {
  name: "lmif-node",
  maker: "Node's crypto, as in LMIF's document",
  version: process.version,
  scheme: "lmif",
  secret: "your-webhook-secret",
  form: {
    names: { id: "id", type: "type", time: "createdAt", data: "data" },
    types: ["box.created", "grace_period.started", "license.approved"], idIn: "json", typeIn: "json",
  },
  signature: "X-LMIF-Signature",
  send: ({ secret, body }) => ({
    body,
    headers: [JSON_TYPE, ["X-LMIF-Signature", `sha256=${createHmac("sha256", secret).update(body).digest("hex")}`]],
  }),
  // The document's verifyWebhook, with a signature of another length refused instead of throwing.
  accepts({ secret, headers, body }) {
    return same(`sha256=${createHmac("sha256", secret).update(body).digest("hex")}`, headers["x-lmif-signature"]);
  },
};

const octokit = {
  name: "octokit",
  ...npm("@octokit/webhooks-methods"),
  scheme: "github",
  secret: "It's a Secret to Everybody",
  form: {
    names: { id: "id", type: "action", time: "created_at", data: "repository" },
    types: ["push", "issues", "pull_request"], idIn: "header", typeIn: "header",
  },
  takes: filledText,
  signature: "X-Hub-Signature-256",
  async send({ secret, id, type, body }) {
    return {
      body,
      headers: [
        ["User-Agent", "GitHub-Hookshot/044aadd"], ["Accept", "*/*"], ["X-GitHub-Delivery", id], ["X-GitHub-Event", type],
        ["X-GitHub-Hook-ID", "292430182"], ["X-GitHub-Hook-Installation-Target-ID", "79929171"], JSON_TYPE,
        ["X-Hub-Signature-256", await octokitSign(secret, body.toString())],
      ],
    };
  },
  accepts: ({ secret, headers, body }) => octokitVerify(secret, body.toString(), headers["x-hub-signature-256"]),
};

const stripe = {
  name: "stripe",
  ...npm("stripe"),
  scheme: "stripe",
  secret: "whsec_of_the_interop_suite",
  form: {
    names: { id: "id", type: "type", time: "created", data: "data" },
    types: ["invoice.paid", "charge.refunded", "customer.created"], idIn: "json", typeIn: "json",
  },
  takes: filledText,
  join: (one, other) => `${one},${other.split(",")[1]},v0=${"0".repeat(64)}`,
  signature: "Stripe-Signature",
  send({ secret, body, now }) {
    const header = Stripe.webhooks.generateTestHeaderString({ payload: body.toString(), secret, timestamp: now });
    return {
      body,
      headers: [
        ["User-Agent", "Stripe/1.0 (+https://stripe.com/docs/webhooks)"], ["Accept", "*/*; q=0.5, application/xml"],
        ["Content-Type", "application/json; charset=utf-8"], ["Stripe-Signature", header],
      ],
    };
  },
  accepts: ({ secret, headers, body, now }) => {
    try {
      Stripe.webhooks.constructEvent(body, headers["stripe-signature"], secret, 300, undefined, now * 1000);
      return true;
    } catch (error) {
      if (error.type === "StripeSignatureVerificationError") return false;
      throw error;
    }
  },
};

const slack = {
  name: "slack-bolt",
  maker: "Node's crypto as in Slack's document; accepted by verifySlackRequest of @slack/bolt",
  version: npm("@slack/bolt").version,
  verifiesOnly: true,
  scheme: "slack",
  secret: "8f742231b10e8888abcd99yyyzzz85a5",
  form: {
    names: { id: "event_id", type: "type", time: "event_context", data: "event" },
    // Its type is the inner one: /event/type.
    wrap: '{"type":$TYPE,"item":$DATA}',
    types: ["reaction_added", "message", "app_mention"], idIn: "json", typeIn: "json",
  },
  takes: isText,
  signature: "X-Slack-Signature",
  signed: ["X-Slack-Request-Timestamp"],
  send({ secret, body, now }) {
    const signature = createHmac("sha256", secret).update(`v0:${now}:`).update(body).digest("hex");
    return {
      body,
      headers: [
        ["User-Agent", "Slackbot 1.0 (+https://api.slack.com/robots)"], ["Accept", "*/*"], JSON_TYPE,
        ["X-Slack-Signature", `v0=${signature}`], ["X-Slack-Request-Timestamp", String(now)],
      ],
    };
  },
  accepts: ({ secret, headers, body, now }) =>
    bolt.isValidSlackRequest({ signingSecret: secret, headers, body: body.toString(), nowMilliseconds: now * 1000 }),
};

const shopify = {
  name: "shopify-api",
  maker: "Node's crypto as in Shopify's document; accepted by webhooks.validate of @shopify/shopify-api",
  version: npm("@shopify/shopify-api").version,
  verifiesOnly: true,
  scheme: "shopify",
  secret: "hush_3f9c1e7a5b2d4860",
  form: {
    names: { id: "id", type: "topic", time: "created_at", data: "line_items" },
    types: ["orders/create", "app/uninstalled", "products/update"], idIn: "header", typeIn: "header",
  },
  takes: filledText,
  signature: "X-Shopify-Hmac-Sha256",
  send: ({ secret, id, type, body }) => ({
    body,
    headers: [
      ["User-Agent", "Shopify-Captain-Hook"], JSON_TYPE, ["X-Shopify-Topic", type], ["X-Shopify-Event-Id", id],
      ["X-Shopify-Webhook-Id", id], ["X-Shopify-Shop-Domain", "shop.myshopify.com"],
      ["X-Shopify-API-Version", "2026-01"], ["X-Shopify-Triggered-At", "2026-01-15T10:00:00.123456789Z"],
      ["X-Shopify-Hmac-Sha256", createHmac("sha256", secret).update(body).digest("base64")],
    ],
  }),
  async accepts({ secret, headers, body }) {
    const api = shopifyApi({
      apiKey: "key", apiSecretKey: secret, apiVersion: "2026-01", hostName: "app.example", isEmbeddedApp: false,
      logger: { level: LogSeverity.Error, log: () => {} },
    });
    // What countersign signs carries the sender's signature; the rest of Shopify's headers its library demands beside it.
    const required = {
      "x-shopify-topic": "orders/create", "x-shopify-shop-domain": "shop.myshopify.com",
      "x-shopify-api-version": "2026-01", "x-shopify-webhook-id": "b54557e4-bdd9-4b37-8a5f-bf7d70bcd043",
    };
    const rawRequest = { method: "POST", url: "/", headers: { ...required, ...headers } };
    return (await api.webhooks.validate({ rawBody: body.toString(), rawRequest })).valid;
  },
};

const standardWebhooks = {
  name: "standardwebhooks-node",
  ...npm("standardwebhooks"),
  scheme: "standard-webhooks",
  secret: "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw",
  // Keys are bytes here, written in base64. Without the prefix is allowed too.
  secretOf: (text) => (text.length % 2 ? "" : "whsec_") + Buffer.from(text).toString("base64"),
  form: {
    names: { id: "id", type: "type", time: "timestamp", data: "data" },
    types: ["user.created", "invoice.paid", "ping"], idIn: "header", typeIn: "json",
  },
  takes: isText,
  join: (one, other) => `${one} ${other} v1a,AAAA`,
  signature: "webhook-signature",
  signed: ["webhook-id", "webhook-timestamp"],
  send: (message) => standard(StandardWebhook, "webhook", message),
  accepts: ({ secret, headers, body }) => taken(() => new StandardWebhook(secret).verify(body.toString(), headers)),
};

const svix = {
  ...standardWebhooks,
  name: "svix",
  ...npm("svix"),
  // Svix' own header names, as a scheme of a configuration file.
  scheme: {
    hmac: {
      algorithm: "sha256", header: "svix-signature", format: "v1,{signature}", separator: " ", encoding: "base64",
      signed: "{header:svix-id}.{timestamp}.{body}", timestamp: { from: { header: "svix-timestamp" }, unit: "s" },
      tolerance: "5m", secret: { base64: { strip_prefix: "whsec_" } },
    },
    event_id: { header: "svix-id" },
    event_type: { json: "/type" },
  },
  signature: "svix-signature",
  signed: ["svix-id", "svix-timestamp"],
  send: (message) => standard(SvixWebhook, "svix", message),
  accepts: ({ secret, headers, body }) => taken(() => new SvixWebhook(secret).verify(body.toString(), headers)),
};

const jose = (algorithm) => ({
  name: `jose-${algorithm.toLowerCase()}`,
  ...npm("jose"),
  scheme: "jws",
  algorithm,
  secret: "signature_secret",
  form: {
    names: { id: "webhook_request_id", type: "rev", time: "updated", data: "userFields" },
    types: ["1-1324"], idIn: "json", brief: algorithm !== "HS256",
  },
  signature: "body",
  async send({ secret, body }) {
    const token = await new CompactSign(body).setProtectedHeader({ alg: algorithm }).sign(Buffer.from(secret));
    return { headers: [["Content-Type", "application/jose"]], body: Buffer.from(token) };
  },
  async accepts({ secret, body }) {
    try {
      await compactVerify(body, Buffer.from(secret), { algorithms: [algorithm] });
      return true;
    } catch (error) {
      if (error.code?.startsWith("ERR_JWS")) return false;
      throw error;
    }
  },
});

export const senders = [
  lvconnect, loginradius, lmif, octokit, stripe, slack, shopify, standardWebhooks, svix,
  jose("HS256"), jose("HS384"), jose("HS512"),
];

/** The request that a sender makes of a delivery, signed with its old secret too where the delivery names one. */
export async function sign(sender, delivery, now) {
  const request = await sender.send({ ...delivery, now });
  if (!delivery.old) return request;
  const other = await sender.send({ ...delivery, now, secret: delivery.old.secret });
  const values = [request, other].map(({ headers }) => headers.find(([name]) => name === sender.signature)[1]);
  const joined = sender.join(...(delivery.old.first ? values.reverse() : values));
  return { ...request, headers: request.headers.map(([name, value]) => [name, name === sender.signature ? joined : value]) };
}

export const isJws = ({ scheme }) => scheme === "jws";

/** A sender's scheme as a configuration names it. */
export function schemeOf({ scheme, algorithm }) {
  if (scheme !== "jws" || algorithm === "HS256") return scheme;
  return { jws: { algorithm }, event_id: { json: "/webhook_request_id" } };
}

function npm(name) {
  const path = new URL(`node_modules/${name}/package.json`, import.meta.url);
  return { maker: `${name} (npm)`, version: JSON.parse(readFileSync(path, "utf8")).version };
}

function standard(Webhook, prefix, { secret, id, body, now }) {
  const signature = new Webhook(secret).sign(id, new Date(now * 1000), body.toString());
  return {
    body,
    headers: [JSON_TYPE, [`${prefix}-id`, id], [`${prefix}-timestamp`, String(now)], [`${prefix}-signature`, signature]],
  };
}

function taken(verify) {
  try {
    verify();
    return true;
  } catch (error) {
    if (error.name === "WebhookVerificationError") return false;
    throw error;
  }
}

/** Some libraries take strings only, */
function isText({ body }) {
  return Buffer.from(body.toString()).equals(body);
}

/** and some of them no empty one. */
function filledText({ body }) {
  return body.length > 0 && isText({ body });
}

function same(expected, given) {
  const [left, right] = [Buffer.from(expected), Buffer.from(given ?? "")];
  return left.length === right.length && timingSafeEqual(left, right);
}
