import assert from "node:assert/strict";
import { describe, test } from "node:test";
import fc from "fast-check";
import { mergeLogs } from "../../../src/transport/history/merge-logs.js";
import { PositionLog } from "../../../src/transport/history/position-log.js";
import { cases } from "../../support/cases.js";

function logsOf(positions: readonly (readonly number[])[]): PositionLog<{ position: number }>[] {
  return positions.map((each) => {
    const log = new PositionLog<{ position: number }>();
    for (const position of each) log.push({ position });
    return log;
  });
}

describe("merged logs", () => {
  test("are read in order, each entry once", () => {
    const log = fc
      .uniqueArray(fc.integer({ min: 1, max: 50 }), { maxLength: 20 })
      .map((all) => all.sort((a, b) => a - b));
    fc.assert(
      fc.property(fc.array(log, { maxLength: 8 }), fc.nat(50), (positions, after) => {
        const expected = [...new Set(positions.flat())].filter((each) => each > after).sort((a, b) => a - b);
        const read = [...mergeLogs(logsOf(positions), after)].map(({ position }) => position);
        assert.deepEqual(read, expected);
      }),
      { numRuns: cases(1000) },
    );
  });

  // A stranger requests 200 busy topics by name, from the beginning: a new sort for each chunk of history takes
  // seconds in all.
  test("are read only as far as a reader takes them", (t) => {
    const logs = logsOf(
      Array.from({ length: 200 }, (_, log) => Array.from({ length: 500 }, (_, i) => i * 200 + log + 1)),
    );
    let yielded = 0;
    const { after } = PositionLog.prototype;
    t.mock.method(
      PositionLog.prototype,
      "after",
      function* (this: PositionLog<{ position: number }>, position: number) {
        for (const item of after.call(this, position)) {
          yielded++;
          yield item;
        }
      },
    );
    const taken: unknown[] = [];
    for (const item of mergeLogs(logs, 0)) if (taken.push(item) === 100) break;
    assert.ok(yielded <= 301, `${yielded} were read for 100`);
  });
});
