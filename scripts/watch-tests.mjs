// Ends a process of the test runner that waits forever, and names the test. `npm test` loads it before each test file:
//
//   node --import ./scripts/typescript.mjs --import ./scripts/watch-tests.mjs --test test/hub/closing.test.ts
//
// TEST_MAX_SILENCE is the time without begin or end of a test after the first one, and TEST_MAX_LINGER the time from the
// last test to the exit of the process, both in milliseconds.

import { readFileSync, writeSync } from "node:fs";
import { relative } from "node:path";
import { after, afterEach, beforeEach } from "node:test";
import { inspect } from "node:util";
import { isMainThread } from "node:worker_threads";

const DEFAULT_SILENCE = 4 * 60_000;

// Programs and threads that a test starts can inherit the options of its process.
const main = process.argv[1] ?? "";
if (isMainThread && process.env.NODE_TEST_CONTEXT && /\.test\.[mt]s$|\/test-groups-[^/]*\/[^/]*$/.test(main)) watch();

function watch() {
  const maxSilence = Number(process.env.TEST_MAX_SILENCE ?? DEFAULT_SILENCE);
  const maxLinger = Number(process.env.TEST_MAX_LINGER ?? 30_000);
  // A test can replace the timers.
  const { setTimeout, clearTimeout } = globalThis;
  const running = new Set();
  let last;
  let timer;
  const expectMore = (within, complain) => {
    clearTimeout(timer);
    timer = setTimeout(() => fail(complain(`for ${within / 1000} s`)), within).unref();
  };
  const expectTest = (within = maxSilence) => expectMore(within, (time) => `${silence(running, last)} ${time}.`);
  expectTest(DEFAULT_SILENCE);
  beforeEach((test) => {
    running.add(test);
    expectTest();
  });
  afterEach((test) => {
    running.delete(test);
    last = test;
    expectTest();
  });
  // The runner would report "test failed" for an error outside the tests, without the error.
  const print = (error) => {
    const during = running.size === 0 ? "outside the tests" : `during ${[...running].map(describe).join("; ")}`;
    // The progress reporter takes the last line with "Error" and the indented ones after it.
    writeSync(2, `\nError ${during}: ${inspect(error)}\n`);
  };
  process.on("uncaughtExceptionMonitor", print).on("unhandledRejection", print);
  after(() => {
    expectMore(maxLinger, (time) => `The process has not ended ${time} after its last test, ${describe(last)}.`);
  });
}

function silence(running, last) {
  if (running.size > 0) return `A test waits: ${[...running].map(describe).join("; ")}. Nothing has ended`;
  if (last !== undefined) return `A hook waits after ${describe(last)}. No test has begun`;
  return "The loading of a file or its first hook waits. No test has begun";
}

function describe({ fullName }) {
  const files = filesWith(fullName.split(" > ")[0]).map((file) => relative("", file));
  return `"${fullName}"${files.length === 0 ? "" : ` in ${files.join(" or ")}`}`;
}

/** Node tells of a test only the file that it runs, which can be a module that imports several. */
function filesWith(name) {
  const text = readFileSync(main, "utf8");
  const imported = [...text.matchAll(/import\("file:\/\/([^"]*)"\)/g)].map(([, path]) => decodeURI(path));
  return imported.length === 0 ? [main] : imported.filter((file) => readFileSync(file, "utf8").includes(name));
}

/** By a signal: at an orderly exit, the runner would report all later tests as failures too. */
function fail(complaint) {
  const counts = new Map();
  for (const type of process.getActiveResourcesInfo()) counts.set(type, (counts.get(type) ?? 0) + 1);
  const resources = [...counts].map(([type, count]) => `${count} ${type}`).join(", ");
  writeSync(2, `\nError: ${complaint}\n    Active resources: ${resources || "none"}.\n`);
  process.kill(process.pid, "SIGKILL");
}
