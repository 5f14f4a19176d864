// What the suite is told of each request: a line of JSON on standard output. apps.mjs reads it.

export function seen({ method, url, rawHeaders, headers }, body, accepted, event = null) {
  console.log(JSON.stringify({ method, target: url, headers, rawHeaders, body: body.toString("base64"), accepted, event }));
}

export const SECRETS = {
  lvconnect: process.env.LVCONNECT_SECRET,
  loginradius: process.env.LOGINRADIUS_SECRET,
  lmif: process.env.LMIF_SECRET,
  risr: process.env.RISR_SECRET,
};
