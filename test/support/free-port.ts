import { randomInt } from "node:crypto";
import { once } from "node:events";
import { mkdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { createServer } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";

/** Systems choose ports above these for outgoing connections, and for servers that ask for any port. */
const first = 20_000;
const count = 12_000;
const claims = join(tmpdir(), "htmx-mercure-ports");
const own: string[] = [];

/**
 * Returns the number of an unused port for a server that starts later, or again. No other process of the tests gets it
 * before this one ends, and the system gives it to nobody.
 */
export async function freePort(): Promise<number> {
  for (;;) {
    // A test can replace Math.random.
    const port = first + randomInt(count);
    if (claim(port) && (await isUnused(port))) return port;
  }
}

function claim(port: number): boolean {
  mkdirSync(claims, { recursive: true });
  const file = join(claims, `${port}`);
  try {
    writeFileSync(file, `${process.pid}`, { flag: "wx" });
  } catch {
    // A process that was killed has left its claim.
    if (!isClaimed(file)) rmSync(file, { force: true });
    return false;
  }
  if (own.length === 0) process.once("exit", () => own.forEach((each) => void rmSync(each, { force: true })));
  own.push(file);
  return true;
}

function isClaimed(file: string): boolean {
  try {
    const pid = Number(readFileSync(file, "utf8"));
    // Its owner has created the file, and writes its id next.
    if (pid > 0) process.kill(pid, 0);
    return true;
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === "EPERM";
  }
}

async function isUnused(port: number): Promise<boolean> {
  const probe = createServer().listen(port, "127.0.0.1");
  try {
    await once(probe, "listening");
  } catch {
    return false;
  }
  probe.close();
  await once(probe, "close");
  return true;
}
