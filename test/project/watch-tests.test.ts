import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { cp, mkdir, mkdtemp, rm, symlink, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { text } from "node:stream/consumers";
import { after, before, describe, test } from "node:test";
import { fileURLToPath } from "node:url";

const root = fileURLToPath(new URL("../..", import.meta.url));

const passing = `
import { test } from "node:test";
test("passes", () => {});
`;
const waiting = `
import { createServer } from "node:net";
import { describe, test } from "node:test";
describe("a suite", () => {
  test("waits for an event that has passed", () => {
    createServer().listen(0);
    return new Promise(() => {});
  });
});
`;
const waitingInHook = `
import { before, describe, test } from "node:test";
describe("a suite with a hook", () => {
  before(() => new Promise((resolve) => setTimeout(resolve, 600_000)));
  test("begins late", () => {});
});
`;
const open = `
import { createServer } from "node:net";
import { test } from "node:test";
test("leaves a server open", () => void createServer().listen(0));
`;
const throwing = `
import { describe, test } from "node:test";
describe("a suite with a callback", () => {
  test("is over before the error", () => {});
  test("passes although its callback throws", () => new Promise((resolve) => {
    setTimeout(() => {
      setImmediate(resolve);
      throw new RangeError("late");
    });
  }));
});
`;
const replacing = `
import { test } from "node:test";
test("waits while it has replaced the timers", (t) => {
  setInterval(() => {}, 1000);
  t.mock.timers.enable();
  return new Promise(() => {});
});
`;

describe("the runner of tests", () => {
  let folder: string;
  /** By folder: the failures at the end of the run with its files. */
  const failures: Record<string, string[]> = {};

  before(async () => {
    folder = await mkdtemp(join(tmpdir(), "watch-tests-"));
    await cp(join(root, "scripts"), join(folder, "scripts"), { recursive: true });
    await writeFile(join(folder, "scripts/build.mjs"), "");
    await symlink(join(root, "node_modules"), join(folder, "node_modules"));
    const runs: Record<string, string[]> = {
      alone: [waiting, open, replacing],
      waiting: [passing, passing, passing, waiting],
      open: [passing, passing, passing, open],
      hook: [passing, passing, passing, waitingInHook],
      throwing: [passing, passing, passing, throwing],
    };
    const run = async ([name, files]: [string, string[]]) => {
      failures[name] = await failuresOf(name, files);
    };
    await Promise.all(Object.entries(runs).map(run));
  });
  after(() => rm(folder, { recursive: true, force: true }));

  async function failuresOf(name: string, files: readonly string[]): Promise<string[]> {
    await mkdir(join(folder, "test", name), { recursive: true });
    for (const [index, content] of files.entries()) await writeFile(join(folder, path(name, index)), content);
    const { NODE_TEST_CONTEXT: _, TEST_COUNTS: __, ...env } = process.env;
    const child = spawn(process.execPath, ["scripts/test.mjs", `test/${name}/`], {
      cwd: folder,
      env: { ...env, CI: "true", TEST_MAX_SILENCE: "3000", TEST_MAX_LINGER: "1000" },
      stdio: ["ignore", "pipe", "ignore"],
    });
    const lines = (await text(child.stdout)).trimEnd().split("\n");
    return lines.slice(lines.lastIndexOf("Failed:") + 1);
  }

  for (const [name, index, first] of [
    ["alone", 0, 0],
    ["waiting", 3, 0],
  ] as const) {
    test(`ends a test that waits, and says its name, its file and what is open: ${name}`, () => {
      const [process, ended, complaint, resources] = failures[name]!.slice(first);
      assert.match(process!, name === "alone" ? /^✖ .*a\.test\.ts$/ : /^✖ .*group-001\.mjs$/);
      assert.equal(ended, "    The process ended with SIGKILL.");
      const waiting = `"a suite > waits for an event that has passed" in ${path(name, index)}`;
      assert.equal(complaint, `    Error: A test waits: ${waiting}. Nothing has ended for 3 s.`);
      assert.match(resources!, /^ {8}Active resources: .*\b1 TCPServerWrap\b.*\.$/);
    });
  }

  for (const [name, index, first] of [
    ["alone", 1, 4],
    ["open", 3, 0],
  ] as const) {
    test(`ends a process that does not end after its last test, and says the test, its file and what is open: ${name}`, () => {
      const [, ended, complaint, resources] = failures[name]!.slice(first);
      assert.equal(ended, "    The process ended with SIGKILL.");
      const last = `"leaves a server open" in ${path(name, index)}`;
      assert.equal(complaint, `    Error: The process has not ended for 1 s after its last test, ${last}.`);
      assert.match(resources!, /^ {8}Active resources: .*\b1 TCPServerWrap\b.*\.$/);
    });
  }

  test("fails for a callback that throws, and says the error and the test that ran", () => {
    const complaint = failures.throwing!.join("\n");
    assert.match(complaint, /RangeError: late/);
    assert.match(complaint, /passes although its callback throws/);
    assert.doesNotMatch(complaint, /is over before/);
  });

  test("ends a hook that waits, and says the test before it", () => {
    const complaint = failures.hook![2]!;
    assert.match(complaint, /^ {4}Error: A hook waits after "passes" in test\/hook\/a\.test\.ts or /);
    assert.match(complaint, /\. No test has begun for 3 s\.$/);
  });

  test("ends a test that waits and has replaced the timers", () => {
    assert.match(failures.alone![10]!, /^ {4}Error: A test waits: "waits while it has replaced the timers"/);
  });
});

function path(folder: string, index: number): string {
  return `test/${folder}/${"abcd"[index]}.test.ts`;
}
