import assert from "node:assert/strict";
import { execFile } from "node:child_process";
import { describe, test } from "node:test";
import { promisify } from "node:util";
import { bundledProgram } from "../support/bundled-program.js";

const run = promisify(execFile);
const program = bundledProgram(new URL("./several-processes-program.ts", import.meta.url));
const warning = /^htmx-mercure: this application runs in several processes .*$/gm;

/** The output of the processes of a program until all have started. */
async function outputOf(kind: string, workers: number, env: NodeJS.ProcessEnv = {}): Promise<string> {
  const { stdout, stderr } = await run(process.execPath, [program, String(workers), kind], {
    env: { PATH: process.env.PATH, NODE_ENV: "production", ...env },
  });
  return stdout + stderr;
}

const ofPm2 = { NODE_APP_INSTANCE: "0", pm_id: "7" };

describe("a hub with a history of its own in several processes", () => {
  for (const [what, kind, workers, env] of [
    ["two workers of node:cluster", "application", 2, {}],
    ["the first of two instances in pm2", "application", 0, { ...ofPm2, instances: "2" }],
    [
      "the first instance that pm2 scale has added to one",
      "application",
      0,
      { ...ofPm2, NODE_APP_INSTANCE: "1", instances: "1" },
    ],
    ["two hubs without an application in each of two workers", "hubs", 2, {}],
    ["the command hub in two workers", "command", 2, {}],
    ["the command hub in the first of two instances in pm2", "command", 0, { ...ofPm2, instances: "2" }],
  ] as const) {
    test(`warns once at the start and names the remedy: ${what}`, async () => {
      const output = await outputOf(kind, workers, env);
      const warnings = output.match(warning) ?? [];
      assert.equal(warnings.length, 1, output);
      assert.match(warnings[0]!, /one process.*`npx htmx-mercure hub`.*hubUrl/);
      assert.equal(output.match(/started/g)?.length, Math.max(workers, 1), output);
    });
  }

  for (const [what, kind, workers, env] of [
    ["an application in one process", "application", 0, {}],
    ["the command hub in one process", "command", 0, {}],
    ["workers with a shared transport", "hub with a shared transport", 2, {}],
    [
      "workers that share a remote hub",
      "application",
      2,
      { MERCURE_HUB_URL: "http://127.0.0.1:1/.well-known/mercure" },
    ],
    ["one instance in pm2", "application", 1, { ...ofPm2, instances: "1" }],
    [
      "the second instance that pm2 scale has added to one",
      "application",
      1,
      { ...ofPm2, NODE_APP_INSTANCE: "2", instances: "1" },
    ],
    ["the second instance in pm2", "application", 1, { ...ofPm2, NODE_APP_INSTANCE: "1", instances: "2" }],
  ] as const) {
    test(`warns of nothing: ${what}`, async () => {
      const output = await outputOf(kind, workers, env);
      assert.doesNotMatch(output, warning);
      assert.equal(output.match(/started/g)?.length, Math.max(workers, 1), output);
    });
  }
});
