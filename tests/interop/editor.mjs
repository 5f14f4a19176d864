// The schema of the configuration file before the language server that editors use for YAML: no complaint about a file
// that is shipped or shown, one about each mistake. Usage: node editor.mjs [repository]

import { spawn, execFileSync } from "node:child_process";
import { existsSync, readFileSync, readdirSync, writeFileSync, mkdtempSync, rmSync } from "node:fs";
import { createRequire } from "node:module";
import { tmpdir } from "node:os";
import { basename, join } from "node:path";
import { pathToFileURL } from "node:url";

import { createMessageConnection, StreamMessageReader, StreamMessageWriter } from "vscode-jsonrpc/node.js";

import { checked, close, equal } from "./checks.mjs";

const repository = process.argv[2] ?? "repository";
const binary = process.env.COUNTERSIGN_BIN ?? "../debug/countersign";
const folder = mkdtempSync(join(tmpdir(), "countersign-editor-"));
const server = spawn(process.execPath, [createRequire(import.meta.url).resolve("yaml-language-server/bin/yaml-language-server"), "--stdio"]);
const connection = createMessageConnection(new StreamMessageReader(server.stdout), new StreamMessageWriter(server.stdin));
const waiting = new Map();
const running = [];

/** Starts the server as an editor does, without the schemas of the world. */
async function open() {
  connection.onNotification("textDocument/publishDiagnostics", ({ uri, diagnostics }) => waiting.get(uri)?.(diagnostics));
  const settings = { validate: true, schemaStore: { enable: false } };
  connection.onRequest("workspace/configuration", ({ items }) => items.map(({ section }) => (section === "yaml" ? settings : null)));
  connection.onRequest("client/registerCapability", () => null);
  connection.listen();
  const capabilities = { textDocument: { publishDiagnostics: {} }, workspace: { configuration: true } };
  await connection.sendRequest("initialize", { processId: process.pid, rootUri: null, capabilities });
  await connection.sendNotification("initialized", {});
  await connection.sendNotification("workspace/didChangeConfiguration", { settings: { yaml: settings } });
  writeFileSync(join(folder, "countersign.schema.json"), execFileSync(binary, ["schema"]));
}

/** What the server says about a file; the file names the schema as docs/config.md tells. */
function diagnostics(name, text) {
  const uri = pathToFileURL(join(folder, name)).href;
  const told = new Promise((resolve) => waiting.set(uri, resolve));
  const whole = `# yaml-language-server: $schema=countersign.schema.json\n${text}`;
  connection.sendNotification("textDocument/didOpen", { textDocument: { uri, languageId: "yaml", version: 1, text: whole } });
  return told;
}

const read = (path) => readFileSync(join(repository, path), "utf8");
const files = (path, ending) => readdirSync(join(repository, path)).filter((name) => name.endsWith(ending)).map((name) => `${path}/${name}`);

function accepted(name, text) {
  running.push(checked(name, async () => equal((await diagnostics(name.replaceAll("/", "-"), text)).map((one) => one.message), [], name)));
}

function refused(name, text, about) {
  running.push(checked(name, async () => {
    const messages = (await diagnostics(name.replaceAll("/", "-"), text)).map((one) => one.message).join("\n");
    equal(about.test(messages), true, `${name}: ${messages}`);
  }));
}

await open();
for (const path of files("config", ".yaml")) accepted(path, read(path));

// What cargo's tests found that the program accepts: the examples of all keys, and all blocks of the documents, completed.
const kept = existsSync("accepted") ? readdirSync("accepted") : [];
for (const name of kept) accepted(`accepted/${name}`, readFileSync(join("accepted", name), "utf8"));
await checked("accepted", () => equal(kept.length > 100, true, `${kept.length} configurations of cargo's tests`));

const structural = /^error: (?!.*, and ).*(unknown key|has no `|must be a map|exactly one key|, not both|, found a )/m;
for (const path of files("tests/config/bad", ".yaml")) {
  if (!basename(path).startsWith("yaml-") && structural.test(read(path.replace(/yaml$/, "stderr")))) refused(path, read(path), /./);
}
// What a person sees who misspells, or forgets a unit.
const smallest = read("config/lmif.yaml");
refused("misspelt.yaml", smallest.replace("upstream:", "upsteam:"), /Property upsteam is not allowed/);
refused("missing.yaml", smallest.replace(/^ *path:.*\n/m, ""), /Missing property "path"/);
refused("unit.yaml", `${smallest}shutdown: 30\n`, /string/i);
refused("spaced.yaml", `${smallest}shutdown: 30 s\n`, /pattern/);
refused("word.yaml", `${smallest}log: {level: verbose}\n`, /Value is not accepted. Valid values: "error", "warn"/);

await Promise.all(running);
connection.dispose();
server.kill();
rmSync(folder, { recursive: true });
close();
