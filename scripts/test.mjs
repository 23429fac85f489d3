// `npm test`: builds, installs what the tests need, runs test/**/*.test.ts.
//
//   npm test                            all except the deep files, with less repetition
//   CI=true npm test                    everything
//   npm test -- hub express/            the files whose path contains one of these
//   npm test -- '!test/browser/'        the files whose path does not contain this
//   npm test -- --in-process hub        of these files, the ones that start no other process and measure none
//   npm test -- --test-name-pattern=id  options with -- go to Node's test runner
//
// Without CI and without names of files, the script leaves out the deep files and sets TEST_DEPTH=quick, and tests
// repeat less. The last lines say so.
//
// TEST_COUNTS=file writes the numbers of passed and failed tests, and a description of the failures, to this file as JSON.

import { spawn } from "node:child_process";
import { once } from "node:events";
import { existsSync, mkdirSync, readdirSync, readFileSync, renameSync, rmSync, writeFileSync } from "node:fs";
import { availableParallelism } from "node:os";
import { dirname, join, relative } from "node:path";
import { pathToFileURL } from "node:url";
import { chromium, headlessShell } from "./chromium.mjs";
import { describeFailures } from "./failures.mjs";
import { Failure, main, run } from "./run.mjs";
import "./typescript.mjs";

/**
 * The max time of a test, far above the time of any file. `watch-tests.mjs` ends a process that waits; this time ends a
 * process whose event loop is blocked. Node 20 applies it to each file, newer versions to tests alone, so the script
 * waits a little longer, and ends the run.
 */
const TEST_TIMEOUT = 20 * 60_000;
const SILENCE = TEST_TIMEOUT + 60_000;
/** The max time of the runner to print its summary and end, in milliseconds. */
const FAREWELL = 10_000;

/**
 * The min number of files in a process. A process costs more than half a second, mostly to load Express, Nunjucks and
 * the sources.
 */
const MIN_FILES_IN_PROCESS = 8;
/**
 * The max number of files in a process. The runner of Node 20 gives a process no more time than a test. In CI some
 * files take minutes.
 */
const MAX_FILES_IN_PROCESS = { unit: 200, quick: 22, full: 18 };
/**
 * Files whose tests measure the process, or wait for other processes, run in processes of their own. So do files with
 * hooks outside a suite, which would run before and after the tests of all files.
 */
const ALONE = /support\/heap|node:cluster|browser\/chromium|^(?:before|after)(?:Each)?\(/m;
const ALONE_FOLDERS = /^test\/(?:docs|project)\//;
/** Files that run alone in CI, where some take minutes. Elsewhere they wait while the other modules work. */
const ALONE_IN_CI = /^test\/browser\//;
const ALONE_WITH_PROCESSES = /^test\/(?:cli|faults)\/|\/faults\.test\.ts$/;
/**
 * Files that cost most: programs of the documentation and of the command line, processes and servers that are killed or
 * paused, databases, proxies, other hubs, installations, the example app, pages without the client script.
 */
const DEEP = [
  /^test\/bench\/(?:answer|verification)\.test\.ts$/,
  /^test\/browser\/(?:client-scenarios|example-.*|external-hub|firefox|nodes|playground|readme-page|stock)\.test\.ts$/,
  /^test\/cli\/(?:command-line|commands|drain|hub|keys|monitor|versions|workers)\.test\.ts$/,
  /^test\/docs\/(?:api-examples|browser|coming-from|examples)\.test\.ts$/,
  /^test\/express\/(?:external-hub|haproxy|nginx|nodes-over-stores)\.test\.ts$/,
  /^test\/faults\/(?:deploy|nodes|secrets)\.test\.ts$/,
  /^test\/hub\/limits\/subscription-budget\.test\.ts$/,
  /^test\/hub\/several-processes\.test\.ts$/,
  /^test\/project\/(?:ci-run|package|unused-names|watch-tests)\.test\.ts$/,
  /^test\/publisher\/outbox\/(?:kill|mariadb)\.test\.ts$/,
  /^test\/transport\/(?:postgres|redis)\//,
  /^test\/transport\/\w+\/faults\.test\.ts$/,
];
/** The milliseconds of each file in its last run. */
const timesFile = join(".cache", "test-times.json");
const groupsFolder = join(".cache", `test-groups-${process.pid}`);

/**
 * The first lines of a module. No test of a group begins before all its files are loaded: a test can replace the timers
 * for a while, and a module that loads meanwhile would keep the replaced ones.
 */
const firstLines = `import { before } from "node:test";
let loaded;
const files = new Promise((resolve) => {
  loaded = resolve;
});
before(() => files);
`;

await main(async () => {
  const args = process.argv.slice(2);
  const isInProcess = args.includes("--in-process");
  const flags = args.filter((argument) => argument.startsWith("--") && argument !== "--in-process");
  const patterns = args.filter((argument) => !argument.startsWith("--"));
  const isQuick = !process.env.CI && patterns.every((pattern) => pattern.startsWith("!"));
  const selected = select(patterns).filter((file) => !isInProcess || runsInAnyProcess(file));
  const deep = isQuick ? selected.filter((file) => DEEP.some((pattern) => pattern.test(file))) : [];
  const files = selected.filter((file) => !deep.includes(file));

  await run(process.execPath, ["scripts/build.mjs", "--if-changed"], {
    failure: "The tests did not run: the build failed.",
  });
  const env = { ...process.env, ...(isQuick && { TEST_DEPTH: "quick" }) };
  const depth = isInProcess ? "unit" : isQuick ? "quick" : "full";
  // Tests in browsers and of other processes wait most of their time. In CI their deadlines matter more.
  const concurrency = availableParallelism() * (depth === "quick" ? 2 : 1);
  const browser = files.some(needsBrowser) ? await startBrowser(env) : undefined;
  try {
    process.exitCode = await runTests([...flags, ...programs(files, depth, concurrency)], env, concurrency);
  } finally {
    rmSync(groupsFolder, { recursive: true, force: true });
    await browser?.close();
  }
  if (isQuick) {
    const left = deep.length === 0 ? "" : ` These files are left out: ${deep.join(", ")}.`;
    console.log(
      `\nOutside CI tests repeat less, and most browser tests run on one line of htmx.${left} CI=true npm test runs everything.`,
    );
  }
});

/** Returns the files that match the patterns. Node 20's test runner does not support globs. */
function select(patterns) {
  const wanted = patterns.filter((pattern) => !pattern.startsWith("!"));
  const unwanted = patterns.filter((pattern) => pattern.startsWith("!")).map((pattern) => pattern.slice(1));
  const files = readdirSync("test", { recursive: true })
    .map((file) => `test/${file.replaceAll("\\", "/")}`)
    .filter((file) => file.endsWith(".test.ts"))
    .filter((file) => wanted.length === 0 || wanted.some((pattern) => file.includes(pattern)))
    .filter((file) => !unwanted.some((pattern) => file.includes(pattern)))
    .sort();
  if (files.length === 0) throw new Failure(`No file test/**/*.test.ts matches ${patterns.join(" ")}.`);
  return files;
}

/** Whether a file's tests start no other process, and do not measure their own. */
function runsInAnyProcess(file) {
  return !startsProcesses(file) && !ALONE.test(readFileSync(file, "utf8"));
}

/** Whether a file, or a module of the tests that it imports, starts a program or a browser. */
function startsProcesses(file, seen = new Set()) {
  if (seen.has(file)) return false;
  seen.add(file);
  const text = readFileSync(file, "utf8");
  if (/"(?:node:child_process|node:cluster|playwright-core)"/.test(text)) return true;
  return [...text.matchAll(/"(\.[^"]*)\.js"/g)]
    .map(([, path]) => `${join(dirname(file), path)}.ts`)
    .some((path) => path.startsWith("test") && existsSync(path) && startsProcesses(path, seen));
}

/**
 * Returns the programs that run the files: modules that import one file that runs alone, or several. The longest file
 * goes first, each to the module with the least work, so that all take about as long. The runner sorts the programs by
 * name; by their numbers, the longest begins first, because a last one that ran without others would leave a core idle.
 */
function programs(files, depth, concurrency) {
  if (files.length <= 3) return files;
  const maxFiles = MAX_FILES_IN_PROCESS[depth];
  const work = expectedWork(files);
  const longestFirst = [...files].sort((one, other) => work.get(other) - work.get(one));
  const alone = longestFirst.filter((file) => runsAlone(file, depth));
  const together = longestFirst.filter((file) => !alone.includes(file));
  const rounds = Math.ceil(together.length / (concurrency * maxFiles));
  const count = Math.min(concurrency * rounds, Math.ceil(together.length / MIN_FILES_IN_PROCESS));
  const groups = Array.from({ length: count }, () => ({ files: [], work: 0 }));
  for (const file of together) {
    const open = groups.filter((group) => group.files.length < maxFiles);
    const group = open.reduce((least, each) => (each.work < least.work ? each : least));
    group.files.push(file);
    group.work += work.get(file);
  }
  mkdirSync(groupsFolder, { recursive: true });
  return [...groups, ...alone.map((file) => ({ files: [file], work: work.get(file) }))]
    .sort((one, other) => other.work - one.work)
    .map((group, index) => {
      // The runner names the program when it ends too early.
      const only = group.files.length > 1 ? "" : group.files[0].slice("test".length, -".test.ts".length);
      const name = `group-${String(index + 1).padStart(3, "0")}${only.replaceAll("/", "-")}.mjs`;
      const path = join(groupsFolder, name);
      const imports = group.files.sort().map((file) => `await import(${JSON.stringify(pathToFileURL(file).href)});\n`);
      writeFileSync(path, `${firstLines}try {\n${imports.join("")}} finally {\n  loaded();\n}\n`);
      return path;
    });
}

/**
 * Returns the time that each file is expected to take, in milliseconds: the one of its last run, or else a guess from
 * its length.
 */
function expectedWork(files) {
  const known = keptTimes();
  return new Map(files.map((file) => [file, known[file] ?? guess(file)]));
}

function guess(file) {
  const bytes = readFileSync(file).length;
  return file.startsWith("test/browser/") ? bytes * 1.5 : bytes / 5;
}

function runsAlone(file, depth) {
  if (depth === "full" && ALONE_IN_CI.test(file)) return true;
  if (ALONE_FOLDERS.test(file) || ALONE.test(readFileSync(file, "utf8"))) return true;
  return ALONE_WITH_PROCESSES.test(file) && startsProcesses(file);
}

function needsBrowser(file) {
  return file.startsWith("test/browser/") || readFileSync(file, "utf8").includes("browser/chromium.js");
}

/** Starts one browser for all files, which find it by the environment. */
async function startBrowser(env) {
  env.CHROMIUM = process.env.CHROMIUM = await chromium();
  const { launchSharedChromium } = await import("../test/browser/chromium.ts");
  const browser = await launchSharedChromium(headlessShell());
  env.CHROMIUM_SERVER = browser.wsEndpoint();
  return browser;
}

/** Returns the exit code. */
async function runTests(args, env, concurrency) {
  const options = [`--test-concurrency=${concurrency}`, `--test-timeout=${TEST_TIMEOUT}`];
  const reporters = [
    ["spec", "stdout"],
    ["./scripts/progress-reporter.mjs", "stderr"],
  ].flatMap(([reporter, to]) => [`--test-reporter=${reporter}`, `--test-reporter-destination=${to}`]);
  const loaders = ["light-test-hooks.mjs", "typescript.mjs", "watch-tests.mjs"].flatMap((name) => [
    "--import",
    new URL(name, import.meta.url).href,
  ]);
  const runner = spawn(process.execPath, [...loaders, "--test", ...options, ...reporters, ...args], {
    env,
    stdio: ["ignore", "inherit", "inherit", "ipc"],
    // The child has a process group of its own, so that the script can end processes that a test has left.
    detached: true,
  });
  const end = () => {
    try {
      process.kill(-runner.pid, "SIGKILL");
    } catch {
      // The group is empty.
    }
  };
  for (const signal of ["SIGINT", "SIGTERM", "SIGHUP"]) {
    process.once(signal, () => {
      end();
      process.exit(1);
    });
  }

  let counts;
  const failures = [];
  let watchdog;
  const expectMore = (within, complaint) => {
    clearTimeout(watchdog);
    watchdog = setTimeout(() => {
      console.error(`\n${complaint}`);
      if (!counts) failures.push({ name: "the run was stopped", message: complaint });
      end();
    }, within);
  };
  expectMore(SILENCE, "No test has ended for minutes.");
  runner.on("message", (message) => {
    counts ??= message.counts;
    if (message.failure) failures.push(message.failure);
    if (counts)
      expectMore(FAREWELL, "All tests have ended, but something that they started still runs; it was stopped.");
    else expectMore(SILENCE, `No test has ended for minutes; the last that did was "${message.ended}".`);
  });
  // The runner's last message can arrive after its end.
  const [[code]] = await Promise.all([once(runner, "exit"), once(runner, "disconnect")]);
  clearTimeout(watchdog);
  end();
  if (counts) {
    keepTimes(counts.milliseconds);
    printCosts(counts.milliseconds);
  }
  const described = describeFailures(failures);
  if (described !== "") console.log(`\nFailed:\n${described}`);
  if (process.env.TEST_COUNTS) {
    const { passed = 0, failed = 0 } = counts ?? {};
    writeFileSync(process.env.TEST_COUNTS, JSON.stringify({ passed, failed, failures: described }));
  }
  return code ?? (counts?.failed === 0 ? 0 : 1);
}

/** Runs at the same time can write the file, so each replaces it as a whole. */
function keepTimes(milliseconds) {
  const times = keptTimes();
  for (const [path, time] of Object.entries(milliseconds)) {
    const file = relative("", path).replaceAll("\\", "/");
    if (file.endsWith(".test.ts")) times[file] = Math.round(time);
  }
  const draft = `${timesFile}-${process.pid}`;
  mkdirSync(dirname(timesFile), { recursive: true });
  writeFileSync(draft, JSON.stringify(times, undefined, 1));
  renameSync(draft, timesFile);
}

function keptTimes() {
  return existsSync(timesFile) ? JSON.parse(readFileSync(timesFile, "utf8")) : {};
}

/** Prints the time of each folder's files, added up over the files that ran at once. */
function printCosts(milliseconds) {
  const folders = new Map();
  for (const [file, time] of Object.entries(milliseconds)) {
    const folder = relative("test", file).split(/[\\/]/).slice(0, -1).join("/") || ".";
    folders.set(folder, (folders.get(folder) ?? 0) + time);
  }
  const rows = [...folders].sort(([, one], [, other]) => other - one);
  console.log("\nSeconds in the files of each folder of test:");
  for (const [folder, time] of rows) console.log(`${(time / 1000).toFixed(1).padStart(8)}  ${folder}`);
}
