// Receivers in hapi, as LVConnect's document means them: an authentication scheme that looks at the payload. The sample
// there refuses what is genuine, hashes JSON that was parsed and written again, lacks what it imports, and throws where
// the header is missing.

import { createHmac, timingSafeEqual } from "node:crypto";
import Boom from "@hapi/boom";
import Hapi from "@hapi/hapi";
import { compactVerify } from "jose";

import { SECRETS, seen } from "./seen.mjs";

const server = Hapi.server({ port: 0, host: "127.0.0.1" });

// Options: `verify`, which says whether these bytes are genuine.
server.auth.scheme("signature", (_, { verify }) => ({
  options: { payload: true },
  // Who sent it shows only when the payload is there.
  authenticate: (request, h) => h.authenticated({ credentials: { headers: request.headers } }),
  async payload(request, h) {
    if (await verify(request.payload, request.headers)) return h.continue;
    seen(request.raw.req, request.payload, false);
    throw Boom.unauthorized("Invalid payload signature");
  },
}));

function same(expected, given = "") {
  const [left, right] = [Buffer.from(expected), Buffer.from(given)];
  return left.length === right.length && timingSafeEqual(left, right);
}

const hmac = (algorithm, secret, body) => createHmac(algorithm, secret).update(body).digest("hex");

const verifiers = {
  lvconnect: (body, headers) => same(`sha1=${hmac("sha1", SECRETS.lvconnect, body)}`, headers["x-lvconnect-signature"]),
  loginradius: (body, headers) => same(hmac("sha256", SECRETS.loginradius, body).toUpperCase(), headers.signature),
  lmif: (body, headers) => same(`sha256=${hmac("sha256", SECRETS.lmif, body)}`, headers["x-lmif-signature"]),
  risr: (body) => compactVerify(body, Buffer.from(SECRETS.risr), { algorithms: ["HS256"] }).then(() => true, () => false),
};

const handlers = {
  lvconnect({ headers }, h) {
    return [h.response().code(204), [headers["x-lvconnect-event"], headers["x-lvconnect-delivery"]]];
  },
  loginradius({ payload }) {
    const { HookName, HookId } = JSON.parse(payload);
    return [{ received: HookId }, [HookName, HookId]];
  },
  lmif({ payload }, h) {
    const { type, id } = JSON.parse(payload);
    return [h.response("OK"), [type, id]];
  },
  risr({ payload }) {
    const event = JSON.parse(Buffer.from(payload.toString().split(".")[1], "base64url"));
    return [{ ok: true }, [null, event.webhook_request_id]];
  },
};

for (const [sender, handle] of Object.entries(handlers)) {
  server.auth.strategy(sender, "signature", { verify: verifiers[sender] });
  server.route({
    method: "POST",
    path: `/hooks/${sender}`,
    options: {
      auth: sender,
      // The bytes that were signed, whatever they are called.
      payload: { parse: false, output: "data", maxBytes: 1 << 20 },
    },
    handler(request, h) {
      const [response, event] = handle(request, h);
      seen(request.raw.req, request.payload, true, event);
      return response;
    },
  });
}

await server.start();
console.log(`listening ${server.info.port}`);
