// `npm run faults`: lets faults happen to nodes in processes of their own, and checks what each of them has recorded.
//
//   npm run faults -- --transport=lmdb --fault=node-kill --rounds=50
//
// Without --fault it runs every fault of the transport. The exit code is 1 when a promise was broken.

import { parseArgs } from "node:util";
import { faultsOf } from "./checker.js";
import type { Fault } from "./fault.js";
import { lmdbFaults } from "./lmdb.js";
import { postgresFaults } from "./postgres.js";
import { redisFaults } from "./redis.js";

const transports: Readonly<Record<string, Readonly<Record<string, Fault>>>> = {
  lmdb: lmdbFaults,
  redis: redisFaults,
  postgres: postgresFaults,
};

const { values } = parseArgs({
  options: {
    transport: { type: "string" },
    fault: { type: "string" },
    rounds: { type: "string", default: "10" },
  },
});

const faults = transports[values.transport ?? ""];
const names = values.fault === undefined ? Object.keys(faults ?? {}) : [values.fault];
const rounds = Number(values.rounds);
if (faults === undefined || !names.every((name) => name in faults) || !Number.isSafeInteger(rounds) || rounds < 1) {
  const known = Object.entries(transports).map(
    ([name, each]) => `--transport=${name}: ${Object.keys(each).join(", ")}`,
  );
  console.error(`Use --transport=NAME --fault=NAME --rounds=NUMBER. The faults are:\n${known.join("\n")}`);
  process.exit(2);
}

for (const name of names) {
  const started = performance.now();
  const { run, faults: count, complaints = [] } = await faults[name]!(rounds);
  const wrong = [...faultsOf(run), ...complaints];
  const gaps = run.nodes.reduce((sum, node) => sum + node.gaps.length, 0);
  console.log(
    `${values.transport} ${name}: ${count} faults, ${run.acknowledged.length} acknowledged, ${gaps} gaps told, ` +
      `${wrong.length} wrong, ${((performance.now() - started) / 1000).toFixed(0)} s`,
  );
  for (const each of wrong.slice(0, 20)) console.log(`  ${each}`);
  if (wrong.length > 0) process.exitCode = 1;
}
