// Receivers: each verifies what it gets as its sender's document or library does, and answers as the documents' samples do.

import { EventEmitter, once } from "node:events";
import { Agent, createServer } from "node:http";

import { post } from "./gateway.mjs";

const LIMIT = 20_000; // milliseconds
const HOP = ["host", "connection", "content-length"];

/** A server where each path is one receiver. */
export async function startReceivers() {
  const known = new Map();
  const arrived = new EventEmitter();
  const server = createServer(async (incoming, response) => {
    const chunks = [];
    for await (const chunk of incoming) chunks.push(chunk);
    const { sender, secret } = known.get(incoming.url);
    const { method, headers, rawHeaders } = incoming;
    const body = Buffer.concat(chunks);
    const accepted = await accepts(sender, { secret, headers, body });
    response.writeHead(accepted ? 200 : 401, { "Content-Type": "text/plain" }).end(accepted ? "OK" : "Invalid signature");
    arrived.emit(incoming.url, { method, headers: pairs(rawHeaders), body, accepted });
  });
  await once(server.listen(0, "127.0.0.1"), "listening");
  const agent = new Agent();
  const address = `127.0.0.1:${server.address().port}`;
  return {
    /** A receiver of this sender's requests, with this secret; returns its URL. */
    add(path, sender, secret) {
      known.set(path, { sender, secret });
      return `http://${address}${path}`;
    },
    /** The next request at a path. */
    next(path) {
      const arriving = once(arrived, path, { signal: AbortSignal.timeout(LIMIT) }).then(([request]) => request);
      arriving.catch(() => {}); // a check that failed before does not wait for it
      return arriving;
    },
    /** Sends a request past the gateway. */
    post: (path, { headers, body }) =>
      post(agent, address, path, { headers: headers.filter(([name]) => !HOP.includes(name.toLowerCase())), body }),
    stop() {
      server.closeAllConnections();
      server.close();
    },
  };
}

/** Whether the sender's verifier takes a request; one that throws refuses it, as a server of its own would. */
async function accepts(sender, { secret, headers, body }) {
  return sender.accepts({ secret, headers, body, now: Math.floor(Date.now() / 1000) });
}

function pairs(rawHeaders) {
  return rawHeaders.flatMap((name, at) => (at % 2 ? [] : [[name, rawHeaders[at + 1]]]));
}
