import { spawn } from "node:child_process";
import type { TestContext } from "node:test";
import { fileURLToPath } from "node:url";
import { startHub } from "../cli/fixture.js";
import { secret } from "./fragments.js";
import { collect } from "./program.js";

const program = fileURLToPath(new URL("../../dist/cli/main.js", import.meta.url));

/** The environment of a block: npx runs the built command, and npm has installed already. */
const functions = `set -e; npm() { :; }; npx() { shift; ${JSON.stringify(process.execPath)} ${JSON.stringify(program)} "$@"; };`;

/** The output of a reader's shell for a block that uses `npx htmx-mercure`, with the page's ports. */
export async function runCommands(t: TestContext, code: string, folder: string): Promise<string> {
  const startsHub = /\bhtmx-mercure hub\b/.test(code);
  const { MERCURE_HUB_URL: _, NODE_ENV: __, ...rest } = process.env;
  let env: NodeJS.ProcessEnv = { ...rest, MERCURE_HUB_PORT: "0" };
  let script = code.replaceAll(/(--(?:monitor-)?port) [0-9]+/g, "$1 0");
  if (!startsHub) {
    const hub = await startHub(t, [], { env: { SECRET_KEY: secret } });
    await hub.until(() => /^Monitor: .*\n/m.test(hub.stdout()));
    const monitor = new URL(/^Monitor: (.*)$/m.exec(hub.stdout())![1]!).origin;
    env = { ...env, MERCURE_HUB_URL: hub.url, SECRET_KEY: secret };
    script = script
      .replaceAll("http://127.0.0.1:5500", new URL(hub.url).origin)
      .replaceAll("http://127.0.0.1:5501", monitor);
  }
  // In a group of its own, so that the hub that the shell started ends with it.
  const child = spawn("sh", ["-c", functions + script], {
    cwd: folder,
    env,
    stdio: ["ignore", "pipe", "pipe"],
    detached: true,
  });
  const complaints = collect(child.stderr);
  const stdout = collect(child.stdout);
  const ended = new Promise<number | null>((resolve) => child.once("close", resolve));
  if (startsHub) {
    while (!/^Monitor: .*\n/m.test(stdout()) && child.exitCode === null) await new Promise(setImmediate);
    if (child.exitCode === null) process.kill(-child.pid!);
  }
  const exitCode = await ended;
  const unexpected = complaints().replaceAll(/^htmx-mercure: (no secret .*|shutting down\.)\n/gm, "");
  if (unexpected !== "" || (!startsHub && exitCode !== 0)) throw new Error(`${exitCode}: ${unexpected}`);
  return stdout()
    .replaceAll(/127\.0\.0\.1:[0-9]+/g, "127.0.0.1:5500")
    .replaceAll(/^(Monitor: .*):5500/gm, "$1:5501");
}
