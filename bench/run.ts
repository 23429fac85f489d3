// `npm run bench`: measures the library and its peers, question by question.
//
//   npm run bench                                     every question, every row
//   npm run bench -- one-topic replay                 these questions
//   npm run bench -- one-topic --rows=kit,nchan       only these rows
//   npm run bench -- --rounds=1                       each row once; the default is the median of three rounds or more
//   npm run bench -- --quick                          a tenth of everything, once: a check that it works, not a measurement
//   npm run bench -- --list                           the questions and rows
//
// Tables go to the terminal and to bench/results/QUESTION.json. The exit code is 1 when an update was lost, repeated or
// out of order anywhere; a missed target is shown and leaves the exit code at 0.

import { mkdirSync, writeFileSync } from "node:fs";
import { parseArgs } from "node:util";
import { answer } from "./harness/answer.js";
import { loadGenerator } from "./harness/load.js";
import { checkOpenFiles, machine } from "./harness/machine.js";
import type { Peer } from "./harness/peer.js";
import type { Scale } from "./harness/question.js";
import { report } from "./harness/report.js";
import { everyQuestion } from "./questions/all.js";

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: {
    rows: { type: "string" },
    rounds: { type: "string" },
    quick: { type: "boolean", default: false },
    list: { type: "boolean" },
  },
});

const everyPeer = [...new Set(everyQuestion.flatMap(({ peers }) => peers))];

// A signal ends the started programs too.
for (const signal of ["SIGINT", "SIGTERM", "SIGHUP"]) process.once(signal, () => process.exit(1));

function list(): void {
  for (const { name, asks } of everyQuestion) console.log(`${name.padEnd(20)}  ${asks}`);
  console.log();
  for (const { name, what, missing } of everyPeer) {
    const why = missing?.();
    console.log(`${name.padEnd(20)}  ${what}${why === undefined ? "" : ` (left out: ${why})`}`);
  }
}

/** @throws Error for an unknown name. */
function check(kind: string, names: readonly string[], existing: readonly string[]): void {
  for (const name of names) {
    if (!existing.includes(name)) throw new Error(`There is no ${kind} ${name}; there are ${existing.join(", ")}.`);
  }
}

function scaleOf(quick: boolean): Scale {
  return {
    seconds: (full) => (quick ? full / 10 : full),
    count: (full) => (quick ? Math.max(1, Math.round(full / 10)) : full),
  };
}

async function run(): Promise<void> {
  const rows = values.rows?.split(",");
  check(
    "question",
    positionals,
    everyQuestion.map(({ name }) => name),
  );
  check(
    "row",
    rows ?? [],
    everyPeer.map(({ name }) => name),
  );
  checkOpenFiles(10_200);
  loadGenerator();
  const results = new URL("results/", import.meta.url);
  mkdirSync(results, { recursive: true });
  const scale = scaleOf(values.quick);
  const asked = values.rounds ?? (values.quick ? "1" : undefined);
  if (asked !== undefined && !/^[1-9]\d*$/.test(asked)) throw new Error("--rounds must be a whole number from 1.");
  const isWanted = ({ name }: Peer) => rows === undefined || rows.includes(name);
  const progress = (message: string) => console.error(message);
  for (const question of everyQuestion) {
    if (positionals.length > 0 && !positionals.includes(question.name)) continue;
    const facts = machine();
    const rounds = Number(asked ?? question.rounds ?? 3);
    const found = await answer(question, { scale, rounds, isWanted, progress });
    console.log(`\n${question.name}: ${report(found, question.columns)}`);
    writeFileSync(new URL(`${question.name}.json`, results), `${JSON.stringify({ ...facts, ...found }, null, 2)}\n`);
    if (found.rows.some(({ faults }) => faults.length > 0)) process.exitCode = 1;
  }
}

if (values.list) list();
else {
  try {
    await run();
  } catch (error) {
    console.error((error as Error).message);
    process.exitCode = 1;
  }
}
