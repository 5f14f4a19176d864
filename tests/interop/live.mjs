// The senders' libraries for Node against the real binary. Usage: node live.mjs
// COUNTERSIGN_BIN names the binary; left out: ../debug/countersign

import { close } from "./checks.mjs";
import { delivered } from "./delivered.mjs";
import { inbound } from "./inbound.mjs";
import { makers } from "./makers.mjs";
import { outbound } from "./outbound.mjs";
import { presets } from "./presets.mjs";
import { resigned } from "./resigned.mjs";

await inbound();
await outbound();
await delivered();
await presets();
await makers();
await resigned();
close();
