// Starts AWS's own Node runtime client on the handler that Lambda names in the environment. Before it asks
// for an event, the workbench is told how many timers wait, when that has changed: it may freeze them.
//
// Preloaded (_WORKBENCH_CLAIM_FD), it waits with the client imported until it is told whose it is: says
// that it is ready with one byte, then takes its variables, each ended by NUL, up to the end. None that it
// has by now is missing among them, but for those that the shell sets itself.
import fs from "node:fs";
import { createRequire } from "node:module";
import { run } from "/var/runtime/client/index.mjs";

const require = createRequire("/var/runtime/client/index.mjs");
const tell = (kind, count) => {
  const frame = Buffer.alloc(16);
  frame.writeUInt32BE(kind);
  frame.writeBigUInt64BE(BigInt(count), 8);
  fs.writeSync(logs, frame);
};

async function becomeClaimed(descriptor) {
  require("http"); // what the client asks for when it is run
  require("./rapid-client.node");
  await new Promise((done) => fs.access("/", done)); // starts the threads that wait for events
  fs.writeSync(descriptor, "Y");
  const pieces = [];
  for (const block = Buffer.alloc(65536); ; ) {
    const size = fs.readSync(descriptor, block);
    if (size === 0) break;
    pieces.push(Buffer.from(block.subarray(0, size)));
  }
  fs.closeSync(descriptor);
  if (pieces.length === 0) process.exit(0); // the workbench is gone
  for (const word of Buffer.concat(pieces).toString().split("\0").slice(0, -1)) {
    const at = word.indexOf("=");
    process.env[word.slice(0, at)] = word.slice(at + 1);
  }
}

const descriptor = process.env._WORKBENCH_CLAIM_FD;
delete process.env._WORKBENCH_CLAIM_FD;
if (descriptor !== undefined) await becomeClaimed(Number(descriptor));

const logs = Number(process.env._LAMBDA_TELEMETRY_LOG_FD);
try {
  tell(0xa55a8000, 0); // what comes now is the function's own
  const rapid = require("./rapid-client.node");
  const { next } = rapid;
  const activeResources = process.getActiveResourcesInfo.bind(process);
  let told = 0;
  rapid.next = () => {
    let count = 0;
    for (const resource of activeResources()) if (resource === "Timeout") count++;
    try {
      if (count !== told) tell(0xa55a8001, count);
      told = count;
    } catch {
      // The function has closed it.
    }
    return next();
  };
} catch {
  // A wrapper has closed it; then neither is known.
}

await run(process.env.LAMBDA_TASK_ROOT, process.env._HANDLER);
