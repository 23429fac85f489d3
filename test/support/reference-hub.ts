import assert from "node:assert/strict";
import { type ChildProcess, spawn } from "node:child_process";
import { existsSync, mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { TestContext } from "node:test";
import { secret } from "./application.js";
import { freePort } from "./free-port.js";
import { end, nextLine } from "./server-process.js";

/** The issuer and the audience of tokens for a reference hub of 1.0. */
export const referenceIdentity = {
  issuer: "https://issuer.invalid",
  resource: "https://hub.invalid/.well-known/mercure",
};

/** The reference hubs of both versions of Mercure. */
const programs = {
  0: { variable: "MERCURE_0_BINARY", flags: [] },
  1: {
    variable: "MERCURE_1_BINARY",
    flags: ["-issuer", referenceIdentity.issuer, "-audience", referenceIdentity.resource],
  },
};

/** The reason to skip tests against a reference hub; false if it is available. */
export const withoutReferenceHub = whySkipped(0);
export const withoutReferenceHub1 = whySkipped(1);

function whySkipped(version: 0 | 1): string | false {
  const { variable } = programs[version];
  return existsSync(process.env[variable] ?? "") ? false : `${variable} names no program`;
}

export interface ReferenceHub {
  readonly url: string;
  /** Kills it at once, as a crash does. */
  kill(): Promise<void>;
  /** Restarts it at the same address. */
  start(): Promise<void>;
}

/** Starts a reference hub, by default of Mercure 0.x, in a process of its own, by default with history in a file. */
export async function referenceHub(
  t: TestContext,
  { version = 0 as 0 | 1, history = true, flags = [] as string[] } = {},
): Promise<ReferenceHub> {
  const folder = mkdtempSync(join(tmpdir(), "htmx-mercure-hub-"));
  // The hub starts again at its port after it was killed.
  const address = `127.0.0.1:${await freePort()}`;
  let child: ChildProcess;
  const start = async () => {
    const bolt = history ? ["-bolt", join(folder, "history.db")] : [];
    const program = programs[version];
    const settings = ["-addr", address, "-key", secret, ...program.flags, ...bolt, ...flags];
    child = spawn(process.env[program.variable]!, settings, {
      stdio: ["ignore", "pipe", "ignore"],
    });
    child.stdout!.setEncoding("utf8");
    assert.match(await nextLine(child), /listening on/);
  };
  const kill = () => end(child, "SIGKILL");
  t.after(async () => {
    await kill();
    rmSync(folder, { recursive: true });
  });
  await start();
  return { url: `http://${address}/.well-known/mercure`, kill, start };
}
