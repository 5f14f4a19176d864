// An app behind countersign, in Node's standard library: node examples/app.mjs [PORT]
//
// It listens on loopback only: whoever could reach it could send these headers too.

import { createServer } from "node:http";

const app = createServer(async (request, response) => {
  const chunks = [];
  for await (const chunk of request) chunks.push(chunk);
  const body = Buffer.concat(chunks);
  const { "countersign-source": source, "countersign-event-id": id, "countersign-event-type": type } = request.headers;

  // The work goes here. A crash may bring an event twice: source and id tell.
  console.log(`${source} ${type} ${id}: ${body.length} bytes`);

  // Only a 2xx counts as delivered, so it comes last.
  response.writeHead(200, { "Content-Type": "application/json" });
  response.end(JSON.stringify({ ok: true }));
});

app.listen(Number(process.argv[2] ?? 3000), "127.0.0.1");
