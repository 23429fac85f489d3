import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { faultsOf } from "../../faults/checker.js";
import { cases } from "../../support/cases.js";
import { isQuick } from "../../support/depth.js";
import { FaultyRun, type Step } from "./faulty-run.js";

const small = fc.nat({ max: 3 });

const step: fc.Arbitrary<Step> = fc.oneof(
  {
    weight: 8,
    arbitrary: fc.record({
      kind: fc.constant("publish" as const),
      node: small,
      count: fc.integer({ min: 1, max: 5 }),
      topic: small,
      id: fc.boolean(),
    }),
  },
  {
    weight: 8,
    arbitrary: fc.record({
      kind: fc.constant("fault" as const),
      node: small,
      fault: fc.constantFrom("lost call" as const, "lost answer" as const, "no answer" as const, "refused" as const),
    }),
  },
  { weight: 2, arbitrary: fc.constant({ kind: "cut server" as const }) },
  {
    weight: 2,
    arbitrary: fc.record({ kind: fc.constant("stall server" as const), seconds: fc.constantFrom(1, 6, 12) }),
  },
  {
    weight: 3,
    arbitrary: fc.record({
      kind: fc.constant("stall node" as const),
      node: small,
      others: fc.integer({ min: 1, max: 6 }),
    }),
  },
  { weight: 2, arbitrary: fc.record({ kind: fc.constant("kill node" as const), node: small }) },
  { weight: 3, arbitrary: fc.constant({ kind: "copy" as const }) },
  { weight: 2, arbitrary: fc.constant({ kind: "fail over" as const }) },
  { weight: 1, arbitrary: fc.constant({ kind: "empty server" as const }) },
  { weight: 4, arbitrary: fc.record({ kind: fc.constant("wait" as const), seconds: fc.constantFrom(0.25, 1, 3) }) },
);

for (const isDurable of [false, true]) {
  const promise = isDurable ? "with a copy that confirms" : "without a copy";
  test(`a shared log ${promise} keeps its promises through thousands of faults in CI, and hundreds elsewhere`, async (t) => {
    let faults = 0;
    const wanted = Number(process.env.FAULTS ?? (isQuick ? 100 : cases(5000)));
    while (faults < wanted) {
      await fc.assert(
        fc.asyncProperty(fc.array(step, { minLength: 20, maxLength: 150 }), fc.nat(), async (steps, seed) => {
          const run = new FaultyRun(isDurable, seed);
          const record = await run.run(steps);
          faults += run.faults;
          assert.deepEqual([...faultsOf(record), ...run.complaints], []);
        }),
        {
          numRuns: isQuick ? 2 : process.env.CI ? 25 : 5,
          includeErrorInReport: true,
          ...(process.env.SEED && { seed: Number(process.env.SEED) }),
        },
      );
    }
    t.diagnostic(`${faults} faults`);
  });
}

test("a node that was away is told of a gap when records sent twice are gone, even if it has heard the first ones", async () => {
  // Node 0 is paused, and the log deletes its record before node 0 has read it. Node 0 therefore sends the record
  // again, and the log deletes it again while node 2 is paused.
  const run = new FaultyRun(false, 1);
  const record = await run.run([
    { kind: "stall node", node: 1, others: 1 },
    { kind: "stall node", node: 0, others: 4 },
    { kind: "publish", node: 0, count: 1, topic: 0, id: false },
    { kind: "stall server", seconds: 12 },
    { kind: "fault", node: 0, fault: "no answer" },
    { kind: "stall node", node: 2, others: 5 },
  ]);
  assert.ok(run.gapsOfRepeats > 0);
  assert.deepEqual([...faultsOf(record), ...run.complaints], []);
});

test("a node that reads a log before the others tell it of their loss is told of a gap, even if the log has moved on", async () => {
  // Nodes 1 and 2 have heard an update that a fail-over loses, and node 0 has not. The next fail-over loses their mark.
  const run = new FaultyRun(true, 1);
  const record = await run.run([
    { kind: "publish", node: 1, count: 1, topic: 0, id: false },
    { kind: "fault", node: 0, fault: "no answer" },
    { kind: "publish", node: 1, count: 1, topic: 0, id: false },
    { kind: "cut server" },
    { kind: "fault", node: 0, fault: "no answer" },
    { kind: "copy" },
    { kind: "stall node", node: 0, others: 1 },
    { kind: "fault", node: 0, fault: "no answer" },
    { kind: "wait", seconds: 0.25 },
    { kind: "fail over" },
    { kind: "fail over" },
    { kind: "fail over" },
    { kind: "fault", node: 0, fault: "lost call" },
    { kind: "publish", node: 0, count: 1, topic: 0, id: false },
    { kind: "fault", node: 0, fault: "lost call" },
    { kind: "stall node", node: 0, others: 1 },
    { kind: "publish", node: 0, count: 3, topic: 0, id: false },
  ]);
  assert.deepEqual([...faultsOf(record), ...run.complaints], []);
});
