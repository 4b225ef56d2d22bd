// Starts AWS's own Node runtime client on the handler that Lambda names in the environment.
import { run } from "/var/runtime/client/index.mjs";

await run(process.env.LAMBDA_TASK_ROOT, process.env._HANDLER);
