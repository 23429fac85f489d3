import assert from "node:assert/strict";
import type { ChildProcess } from "node:child_process";
import { once } from "node:events";
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { describe, type TestContext, test } from "node:test";
import { fileURLToPath } from "node:url";
import { temporaryFolder } from "../cli/fixture.js";
import { streamUrlOf } from "../support/application.js";
import { openStream } from "../support/event-stream.js";
import { freePort } from "../support/free-port.js";
import { nextLine } from "../support/server-process.js";
import { openStore, spawnNode, stores } from "./hub-cluster.js";

const program = fileURLToPath(new URL("./secret-program.ts", import.meta.url));

/** A project whose processes share a development secret. */
function project(t: TestContext): string {
  const folder = temporaryFolder(t);
  writeFileSync(join(folder, "package.json"), "{}");
  return folder;
}

async function startIn(cwd: string, url: string, children: ChildProcess[]): Promise<ChildProcess> {
  const { SECRET_KEY: _1, NODE_ENV: _2, ...env } = process.env;
  const child = spawnNode(program, [url, `${await freePort()}`], { cwd, env, stderr: "pipe" });
  children.push(child);
  return child;
}

for (const { name, skip, open } of stores) {
  describe(`applications without a secret over ${name}`, { skip }, () => {
    test("take each other's pages in one project, and one of another project refuses to start and says so", async (t) => {
      const [url, children] = await openStore(t, open);
      const first = project(t);
      const [a, b] = [await startIn(first, url, children), await startIn(first, url, children)];
      const [originOfA, originOfB] = [await nextLine(a), await nextLine(b)];
      const stream = streamUrlOf(await (await fetch(originOfA)).text(), originOfA);
      assert.equal((await openStream(t, stream.replace(originOfA, originOfB))).response.status, 200);

      const other = await startIn(project(t), url, children);
      let errors = "";
      other.stderr!.setEncoding("utf8").on("data", (text: string) => {
        errors += text;
      });
      const [code] = (await once(other, "close")) as [number | null];
      // A process that ends while it writes to the disk kills itself, and then has no exit code.
      assert.ok(code === 1 || (code === null && name === "LMDB"), `${code} ${errors}`);
      assert.match(errors, /A process that started earlier .*Set SECRET_KEY/);
      assert.match(errors, /code: 'ERR_OPTION'/);
      assert.equal((await openStream(t, stream)).response.status, 200, "the others continue");
    });

    test("start at once with a new secret after the end of a process that was killed", async (t) => {
      const [url, children] = await openStore(t, open);
      const before = await startIn(project(t), url, children);
      await nextLine(before);
      before.kill("SIGKILL");
      await once(before, "exit");
      const origin = await nextLine(await startIn(project(t), url, children));
      assert.equal((await openStream(t, streamUrlOf(await (await fetch(origin)).text(), origin))).response.status, 200);
    });
  });
}
