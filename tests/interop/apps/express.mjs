// Receivers in Express, as LVConnect's and LMIF's documents mean them. LVConnect's sample there is wrong in that it
// refuses what is genuine and lets the rest pass, knows no body without a parser, calls `next` twice and throws where the
// header is missing; LMIF's throws there too, and where the signature has another length.

import { createHmac, timingSafeEqual } from "node:crypto";
import express from "express";
import { compactVerify } from "jose";

import { SECRETS, seen } from "./seen.mjs";

const app = express();
// The bytes that were signed, whatever they are called: JSON that is parsed and written again is other JSON.
app.use(express.raw({ type: () => true, limit: "1mb" }));

/** Lets a request pass only if `verify` finds it genuine. */
const only = (verify) => async (request, response, next) => {
  const body = Buffer.isBuffer(request.body) ? request.body : Buffer.alloc(0);
  const payload = await verify(request, body);
  if (payload) {
    request.event = { payload: JSON.parse(payload), body };
    return next();
  }
  seen(request, body, false);
  response.status(401).send("Invalid signature");
};

/** Takes the body as it is if this header holds its HMAC, written like this. */
const signed = (header, write) =>
  only((request, body) => same(write(body), request.get(header)) && body);

function same(expected, given = "") {
  const [left, right] = [Buffer.from(expected), Buffer.from(given)];
  return left.length === right.length && timingSafeEqual(left, right);
}

const hmac = (algorithm, secret, body) => createHmac(algorithm, secret).update(body).digest("hex");

app.post(
  "/hooks/lvconnect",
  signed("X-LVConnect-Signature", (body) => `sha1=${hmac("sha1", SECRETS.lvconnect, body)}`),
  (request, response) => {
    seen(request, request.event.body, true, [request.get("X-LVConnect-Event"), request.get("X-LVConnect-Delivery")]);
    response.sendStatus(204);
  },
);

app.post(
  "/hooks/loginradius",
  signed("signature", (body) => hmac("sha256", SECRETS.loginradius, body).toUpperCase()),
  (request, response) => {
    const { payload, body } = request.event;
    seen(request, body, true, [payload.HookName, payload.HookId]);
    response.json({ received: payload.HookId });
  },
);

app.post(
  "/hooks/lmif",
  signed("X-LMIF-Signature", (body) => `sha256=${hmac("sha256", SECRETS.lmif, body)}`),
  (request, response) => {
    const { payload, body } = request.event;
    seen(request, body, true, [payload.type, payload.id]);
    response.status(200).send("OK");
  },
);

app.post(
  "/hooks/risr",
  only((_, body) =>
    compactVerify(body, Buffer.from(SECRETS.risr), { algorithms: ["HS256"] }).then(
      ({ payload }) => Buffer.from(payload),
      () => null,
    ),
  ),
  (request, response) => {
    seen(request, request.event.body, true, [null, request.event.payload.webhook_request_id]);
    response.json({ ok: true });
  },
);

const server = app.listen(0, "127.0.0.1", () => console.log(`listening ${server.address().port}`));
