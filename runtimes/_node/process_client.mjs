// A Node runtime client for where there is no container: Node's own modules and nothing else.
//
// Takes the place of AWS's own client, which has to be compiled, and answers as it does: the same error
// types, exits and log records (tests/e2e/test_clients_agree.py compares them). Run as
// `node process_client.mjs` with the variables that Lambda sets; WORKBENCH_DEPENDENCIES names the folder
// that node_modules would be.

import fs from "node:fs";
import http from "node:http";
import Module, { createRequire } from "node:module";
import path from "node:path";
import { pathToFileURL } from "node:url";
import util from "node:util";

const API = "/2018-06-01/runtime";
const require = createRequire(import.meta.url);

class Fault extends Error {
  constructor(type, message, more = {}) {
    super(message);
    Object.defineProperty(this, "name", { value: `Runtime.${type}` });
    Object.assign(this, more);
  }
}

// --- the Runtime API ---------------------------------------------------------------------------------

const [hostname, port] = process.env.AWS_LAMBDA_RUNTIME_API.split(":");
const keptAlive = new http.Agent({ keepAlive: true, maxSockets: 1 });
const JSON_TYPE = { "Content-Type": "application/json" };

// A request that is yet to be ended, and what it will be answered with.
function begin(method, suffix, headers, agent = keptAlive) {
  let request;
  const answered = new Promise((resolve, reject) => {
    request = http.request({ hostname, port, agent, method, path: API + suffix, headers }, (response) => {
      const blocks = [];
      response.on("data", (block) => blocks.push(block));
      response.on("end", () => resolve({ headers: response.headers, body: Buffer.concat(blocks).toString() }));
      response.on("error", reject);
    });
    request.on("error", reject);
  });
  return { request, answered };
}

function call(method, suffix, body, headers = {}, agent = keptAlive) {
  const length = body === undefined ? {} : { "Content-Length": Buffer.byteLength(body) };
  const { request, answered } = begin(method, suffix, { ...length, ...headers }, agent);
  request.end(body);
  return answered;
}

const answerPath = (id, what) => `/invocation/${encodeURIComponent(id)}/${what}`;

function described(error) {
  const plain = (text) => text?.replace(/\x7f/g, "%7F");
  const texts = (value) => ["name", "message", "stack"].every((n) => value[n] && typeof value[n] === "string");
  try {
    if (util.types.isNativeError(error) || texts(error)) {
      const { name, message, stack } = error;
      return { errorType: plain(name), errorMessage: plain(message), trace: plain(stack).split("\n") };
    }
    return { errorType: typeof error, errorMessage: error.toString(), trace: [] };
  } catch {
    const what = "callback called with Error argument, but there was a problem while retrieving one or more of";
    return { errorType: "handled", errorMessage: `${what} its message, name, and stack` };
  }
}

const postError = (error, agent) =>
  call("POST", answerPath(requestId, "error"), JSON.stringify(described(error)), JSON_TYPE, agent);

// --- logs ----------------------------------------------------------------------------------------------

const LEVELS = { TRACE: 1, DEBUG: 2, INFO: 3, WARN: 4, ERROR: 5, FATAL: 6 };
const JSON_LOGS = process.env.AWS_LAMBDA_LOG_FORMAT?.toUpperCase() === "JSON";
let requestId;

const stackOf = (error) => (typeof error.stack === "string" ? error.stack.split("\n") : undefined);
const classOf = (error) => error.constructor?.name ?? "UnknownError";

function jsonRecord(timestamp, level, values) {
  const record = { timestamp, level, requestId };
  if (values.length === 1) {
    const whole = (_, v) =>
      v instanceof Error ? { errorType: classOf(v), errorMessage: v.message, stackTrace: stackOf(v), ...v } : v;
    try {
      return JSON.stringify({ ...record, message: values[0] }, whole);
    } catch {
      return JSON.stringify({ ...record, message: util.format(values[0]) });
    }
  }
  const error = values.find((value) => value instanceof Error);
  const more = error && { errorType: classOf(error), errorMessage: error.message, stackTrace: stackOf(error) ?? [] };
  return JSON.stringify({ ...record, message: util.format(...values), ...more });
}

function patchConsole() {
  const descriptor = process.env._LAMBDA_TELEMETRY_LOG_FD;
  delete process.env._LAMBDA_TELEMETRY_LOG_FD;
  const write = (level, message, ...rest) => {
    const now = new Date();
    const stamp = now.toISOString();
    const text = JSON_LOGS
      ? jsonRecord(stamp, level, [message, ...rest])
      : `${stamp}\t${requestId}\t${level}\t${util.format(message, ...rest)}`;
    if (descriptor === undefined) {
      process.stdout.write(`${text.replace(/\n/g, "\r")}\n`);
      return;
    }
    const body = Buffer.from(JSON_LOGS ? text : `${text}\n`);
    const header = Buffer.alloc(16);
    header.writeUInt32BE((0xa55a0002 | !JSON_LOGS | (LEVELS[level] << 2)) >>> 0, 0);
    header.writeUInt32BE(body.length, 4);
    header.writeBigInt64BE(BigInt(now.valueOf()) * 1000n, 8);
    fs.writeSync(Number(descriptor), Buffer.concat([header, body]));
  };
  const least = LEVELS[process.env.AWS_LAMBDA_LOG_LEVEL?.toUpperCase()] ?? LEVELS.TRACE;
  for (const [level, weight] of Object.entries(LEVELS)) {
    const heard = weight >= least || level === "FATAL";
    console[level.toLowerCase()] = heard ? (...values) => write(level, ...values) : () => {};
  }
  console.log = console.info;
  if (descriptor !== undefined) {
    // Tells the workbench that what comes now is the function's own.
    fs.writeSync(Number(descriptor), Buffer.from("a55a8000".padEnd(32, "0"), "hex"));
  }
}

function logError(what, raw) {
  const error = raw instanceof Error ? raw : new Error(raw);
  if (JSON_LOGS) {
    console.error(error);
    return;
  }
  const whole = (_, v) =>
    v instanceof Error ? { errorType: v.name, errorMessage: v.message, code: v.code, ...v, stack: stackOf(v) } : v;
  let text;
  try {
    text = JSON.stringify(error, whole);
  } catch {
    text = JSON.stringify(described(error));
  }
  console.error(what, `\t${text}`);
}

// --- streams -------------------------------------------------------------------------------------------

const STREAMING = Symbol.for("aws.lambda.runtime.handler.streaming");

globalThis.awslambda = {
  streamifyResponse: (handler) => Object.assign(handler, { [STREAMING]: "response" }),
  HttpResponseStream: {
    from(stream, prelude) {
      stream.setContentType("application/vnd.awslambda.http-integration-response");
      stream.write(JSON.stringify(prelude));
      stream.write(new Uint8Array(8));
      return stream;
    },
  },
};

function responseStream() {
  const headers = {
    "Lambda-Runtime-Function-Response-Mode": "streaming",
    "Content-Type": "application/octet-stream",
    Trailer: ["Lambda-Runtime-Function-Error-Type", "Lambda-Runtime-Function-Error-Body"],
  };
  const { request, answered } = begin("POST", answerPath(requestId, "response"), headers);
  const write = request.write.bind(request);
  request.write = (chunk, ...rest) =>
    write(typeof chunk === "string" || chunk instanceof Uint8Array ? chunk : JSON.stringify(chunk), ...rest);
  request.setContentType = (type) => request.setHeader("Content-Type", type);
  return { stream: request, answered };
}

async function handleStreaming(handler, body, context) {
  const { stream, answered } = responseStream();
  try {
    const returned = handler(JSON.parse(body), stream, context());
    if (typeof returned?.then !== "function") throw "Streaming does not support non-async handlers.";
    if ((await returned) !== undefined) console.warn("Streaming handlers ignore return values.");
    if (!stream.writableEnded) await answered; // as AWS's client: until it is ended, or for ever
  } catch (error) {
    logError("Invoke Error", error);
    const failed = described(error);
    const encoded = Buffer.from(JSON.stringify(failed)).toString("base64");
    stream.addTrailers({
      "Lambda-Runtime-Function-Error-Type": failed.errorType,
      "Lambda-Runtime-Function-Error-Body": encoded,
    });
    stream.end();
  }
  await answered;
}

// --- the handler -----------------------------------------------------------------------------------------

function useDependencies() {
  const folder = process.env.WORKBENCH_DEPENDENCIES;
  delete process.env.WORKBENCH_DEPENDENCIES;
  if (folder === undefined) return;
  process.env.NODE_PATH = [folder, process.env.NODE_PATH].filter(Boolean).join(":");
  Module._initPaths();
  // `import` does not look at NODE_PATH; what it does not find is looked for as `require` would.
  const hooks = `
    import { createRequire } from "node:module";
    import { pathToFileURL } from "node:url";
    const require = createRequire(${JSON.stringify(import.meta.url)});
    const parentURL = pathToFileURL(${JSON.stringify(`${folder}/../index.js`)}).href;
    export async function resolve(specifier, context, next) {
      try {
        return await next(specifier, context);
      } catch (error) {
        if (error.code !== "ERR_MODULE_NOT_FOUND" || /^[./]|^file:/.test(specifier)) throw error;
        try { return await next(specifier, { ...context, parentURL }); } catch { /* not beside it either */ }
        let found;
        try { found = require.resolve(specifier, { paths: ${JSON.stringify([folder])} }); } catch { throw error; }
        return next(pathToFileURL(found).href, context);
      }
    }`;
  Module.register(`data:text/javascript,${encodeURIComponent(hooks)}`);
}

// The nearest package.json says that .js files are ES modules.
function saysModule(folder) {
  if (folder.endsWith("/node_modules")) return false;
  const file = path.join(folder, "package.json");
  if (fs.existsSync(file)) {
    try {
      return JSON.parse(fs.readFileSync(file)).type === "module";
    } catch (error) {
      console.warn(`${file} cannot be read, it will be ignored for ES module detection purposes.`, error);
      return false;
    }
  }
  return folder !== "/" && saysModule(path.dirname(folder));
}

async function loadModule(root, folder, name) {
  const file = path.resolve(root, folder, name);
  const there = (end) => fs.existsSync(file + end);
  try {
    if (there("")) return require(file);
    if (there(".js") && !saysModule(path.dirname(file))) return require(`${file}.js`);
    for (const end of [".js", ".mjs"]) if (there(end)) return await import(pathToFileURL(file + end).href);
    if (there(".cjs")) return require(`${file}.cjs`);
    return require(require.resolve(name, { paths: [root, path.resolve(root, folder)] }));
  } catch (error) {
    if (error instanceof SyntaxError) throw new Fault("UserCodeSyntaxError", `${error}`);
    if (error?.code === "MODULE_NOT_FOUND") throw new Fault("ImportModuleError", `${error}`);
    throw error;
  }
}

async function loadHandler(root, text) {
  if (text.includes("..")) {
    const how = "Use absolute paths when specifying root directories in handler names.";
    throw new Fault("MalformedHandlerName", `'${text}' is not a valid handler name. ${how}`);
  }
  const base = path.basename(text);
  const match = /^([^.]*)\.(.*)$/.exec(base);
  if (match === null) throw new Fault("MalformedHandlerName", "Bad handler");
  const loaded = await loadModule(root, text.slice(0, text.indexOf(base)), match[1]);
  const handler = match[2].split(".").reduce((value, name) => value && value[name], loaded);
  if (!handler) throw new Fault("HandlerNotFound", `${text} is undefined or not exported`);
  if (typeof handler !== "function") throw new Fault("HandlerNotFound", `${text} is not a function`);
  return handler;
}

function contextOf(headers) {
  const deadline = headers["lambda-runtime-deadline-ms"];
  const parsed = (name, what) => {
    const text = headers[name];
    try {
      return text === undefined ? undefined : JSON.parse(Buffer.from(text, "latin1").toString());
    } catch (error) {
      throw new Error(`Cannot parse ${what} as json: ${error}`);
    }
  };
  return {
    callbackWaitsForEmptyEventLoop: true,
    functionVersion: process.env.AWS_LAMBDA_FUNCTION_VERSION,
    functionName: process.env.AWS_LAMBDA_FUNCTION_NAME,
    memoryLimitInMB: process.env.AWS_LAMBDA_FUNCTION_MEMORY_SIZE,
    logGroupName: process.env.AWS_LAMBDA_LOG_GROUP_NAME,
    logStreamName: process.env.AWS_LAMBDA_LOG_STREAM_NAME,
    clientContext: parsed("lambda-runtime-client-context", "ClientContext"),
    identity: parsed("lambda-runtime-cognito-identity", "CognitoIdentity"),
    invokedFunctionArn: headers["lambda-runtime-invoked-function-arn"],
    awsRequestId: headers["lambda-runtime-aws-request-id"],
    tenantId: headers["lambda-runtime-aws-tenant-id"],
    getRemainingTimeInMillis: () => deadline - Date.now(),
  };
}

const nothing = (value) => value === undefined || value === null;

function stringified(result) {
  let text;
  try {
    text = JSON.stringify(result === undefined ? null : result);
  } catch {
    throw new Error("Unable to stringify response body");
  }
  if (text === undefined) throw new TypeError("Wrong arguments"); // a function, a symbol
  return text;
}

// Of what the handler comes to, the first counts: its promise; or its callback, once nothing else is
// going on (unless it does not want to wait for that); or null, when it has done neither and nothing is
// going on any more. Errors are logged where they come from.
function outcomeOf(handler, body, contextFor) {
  return new Promise((resolve, reject) => {
    let settle = () => resolve(null);
    const whenIdle = () => settle();
    process.once("beforeExit", whenIdle);
    let settled = false;
    const first = (action) => (...values) => {
      if (settled) return;
      action(...values);
      settled = true;
    };
    const end = (error, result) => {
      process.removeListener("beforeExit", whenIdle);
      if (nothing(error)) return resolve(result);
      logError("Invoke Error", error);
      reject(error);
    };
    let context;
    const callback = first((error, result) => {
      if (!nothing(error) || context?.callbackWaitsForEmptyEventLoop === false) end(error, result);
      else settle = () => resolve(result);
    });
    const succeed = first((result) => end(null, result));
    const fail = first((error) => end(nothing(error) ? "handled" : error));
    try {
      const event = JSON.parse(body);
      context = Object.assign(contextFor(), { done: first(end), fail, succeed });
      const returned = handler(event, context, callback);
      if (typeof returned?.then === "function") returned.then(succeed, fail).catch(fail);
    } catch (error) {
      callback(error);
    }
  });
}

async function handle(handler, body, context) {
  let text;
  try {
    const result = await outcomeOf(handler, body, context);
    try {
      text = stringified(result);
    } catch (error) {
      logError("Invoke Error", error);
      throw error;
    }
  } catch (error) {
    await postError(error);
    return;
  }
  await call("POST", answerPath(requestId, "response"), text, JSON_TYPE);
}

async function serve(handler) {
  const handleOne = handler[STREAMING] === "response" ? handleStreaming : handle;
  for (;;) {
    const { headers, body } = await call("GET", "/invocation/next");
    requestId = headers["lambda-runtime-aws-request-id"];
    const traceId = headers["lambda-runtime-trace-id"];
    if (traceId) process.env._X_AMZN_TRACE_ID = traceId;
    else delete process.env._X_AMZN_TRACE_ID;
    await handleOne(handler, body, () => contextOf(headers));
  }
}

// On a connection of its own: the other may be waiting for the next event.
async function leave(what, error, status) {
  logError(what, error);
  if (requestId === undefined) {
    const failed = described(error);
    const headers = { ...JSON_TYPE, "Lambda-Runtime-Function-Error-Type": failed.errorType };
    await call("POST", "/init/error", JSON.stringify(failed), headers, false);
  } else {
    await postError(error, false);
  }
  process.exit(status);
}

async function main() {
  patchConsole();
  let leaving = false;
  const leaveOnce = (...reasons) => {
    if (leaving) return new Promise(() => {});
    leaving = true;
    return leave(...reasons);
  };
  process.on("uncaughtException", (error) => leaveOnce("Uncaught Exception", error, 129));
  process.on("unhandledRejection", (reason, promise) => {
    const error = new Fault("UnhandledPromiseRejection", `${reason}`, { reason, promise });
    leaveOnce("Unhandled Promise Rejection", error, 128);
  });
  useDependencies();
  let handler;
  try {
    handler = await loadHandler(process.env.LAMBDA_TASK_ROOT, process.env._HANDLER);
  } catch (error) {
    await leaveOnce("Uncaught Exception", error, 129);
  }
  await new Promise(setImmediate); // what loading it left unhandled is told first
  if (!leaving) await serve(handler);
}

main();
