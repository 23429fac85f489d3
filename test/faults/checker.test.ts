import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { faultsOf, type Heard, type NodeRecord, type RunRecord } from "./checker.js";
import { type GapOfRun, type GoneRepeats, settledRun } from "./settled-run.js";

const heard = (...positions: number[]): Heard[] => positions.map((position) => ({ position, data: `u${position}` }));

function node(name: string, fields: Partial<NodeRecord> = {}): NodeRecord {
  return { name, from: 0, to: 5, heard: heard(1, 2, 3, 4, 5), gaps: [], ...fields };
}

const all = ["u1", "u2", "u3", "u4", "u5"];

function run(fields: Partial<RunRecord> = {}): RunRecord {
  return { sent: all, acknowledged: all, nodes: [node("a"), node("b")], ...fields };
}

describe("The checker of runs with faults", () => {
  const right: Record<string, RunRecord> = {
    "a run with complete delivery to every node": run({ history: heard(1, 2, 3, 4, 5) }),
    "a node that began late": run({ nodes: [node("a"), node("b", { from: 3, heard: heard(4, 5) })] }),
    "a node that was killed": run({ nodes: [node("a"), node("b", { to: 2, heard: heard(1, 2) })] }),
    "a node that was told of its gap": run({
      nodes: [node("a"), node("b", { heard: heard(1, 5), gaps: [{ after: 1, through: 4 }] })],
    }),
    "an update without an answer that was lost": run({ sent: [...all, "u6"] }),
    "an update without an answer that was accepted": run({
      acknowledged: ["u1", "u2", "u3", "u4"],
      history: heard(1, 2, 3, 4, 5),
    }),
  };
  for (const [name, record] of Object.entries(right)) {
    test(`accepts ${name}`, () => assert.deepEqual(faultsOf(record), []));
  }

  const wrong: Record<string, [record: RunRecord, fault: RegExp]> = {
    "an acknowledged update that nobody heard": [
      run({ nodes: [node("a", { heard: heard(1, 2, 3, 4), to: 4 })] }),
      /u5 was acknowledged and is lost/,
    ],
    "an update that one node missed": [
      run({ nodes: [node("a"), node("b", { heard: heard(1, 2, 4, 5) })] }),
      /b missed position 3/,
    ],
    "the last update, which one node missed": [
      run({ nodes: [node("a"), node("b", { heard: heard(1, 2, 3, 4) })] }),
      /b missed position 5/,
    ],
    "an update that a node heard twice": [
      run({ nodes: [node("a", { heard: heard(1, 2, 3, 3, 4, 5) }), node("b")] }),
      /heard position 3 twice/,
    ],
    "an update that was accepted twice": [
      run({ nodes: [node("a", { heard: [...heard(1, 2, 3, 4, 5), { position: 6, data: "u5" }], to: 6 })] }),
      /u5 has the positions 5 and 6/,
    ],
    "two nodes with another order": [
      run({
        nodes: [
          node("a"),
          node("b", { heard: [...heard(1, 2), { position: 3, data: "u4" }, { position: 4, data: "u3" }, ...heard(5)] }),
        ],
      }),
      /position 3 is u3 and u4/,
    ],
    "a node that heard updates out of order": [
      run({ nodes: [node("a"), node("b", { heard: heard(1, 3, 2, 4, 5) })] }),
      /b heard position 2 after 3/,
    ],
    "a position that was used again": [
      run({ nodes: [node("a"), node("b", { from: 4, heard: [{ position: 5, data: "u4" }] })] }),
      /position 5 is u5 and u4/,
    ],
    "an update that nobody sent": [run({ sent: all.slice(0, 4), acknowledged: all.slice(0, 4) }), /u5 was never sent/],
    "an acknowledged update that nobody sent": [
      run({ acknowledged: [...all, "u6"] }),
      /u6 was acknowledged and never sent/,
    ],
    "a gap that is too short": [
      run({ nodes: [node("a"), node("b", { heard: heard(1, 5), gaps: [{ after: 1, through: 3 }] })] }),
      /b missed position 4/,
    ],
    "a gap that was told to a node that missed nothing": [
      run({ nodes: [node("a"), node("b", { gaps: [{ after: 1, through: 4 }] })] }),
      /missed nothing/,
    ],
    "an empty gap": [
      run({
        nodes: [
          node("a", {
            heard: heard(1, 5),
            gaps: [
              { after: 1, through: 4 },
              { after: 4, through: 4 },
            ],
          }),
          node("b"),
        ],
      }),
      /an empty gap/,
    ],
    "a node with a head before an update that it heard": [
      run({ nodes: [node("a", { to: 4 }), node("b")] }),
      /a ends at 4/,
    ],
    "a history without an acknowledged update": [
      run({ history: heard(1, 2, 4, 5) }),
      /u3 was acknowledged and is not in history/,
    ],
    "a history without an update that was heard": [
      run({ acknowledged: all.slice(0, 4), history: heard(1, 2, 3, 4) }),
      /position 5 was heard and is not in history/,
    ],
    "a history out of order": [run({ history: heard(1, 3, 2, 4, 5) }), /history has position 2 after 3/],
    "a history with an update at another position": [
      run({ history: [...heard(1, 2, 3, 4), { position: 9, data: "u5" }] }),
      /u5 has the positions 5 and 9/,
    ],
  };
  for (const [name, [record, fault]] of Object.entries(wrong)) {
    test(`rejects ${name}`, () => assert.match(faultsOf(record).join("\n"), fault));
  }
});

describe("The checker of runs whose log can delete or lose repeats", () => {
  const faultsWith = (
    gap: GapOfRun,
    fields: Partial<NodeRecord> = {},
    repeats: GoneRepeats = { deleted: [7], lost: [] },
  ) => {
    const away = node("b", { to: 8, gaps: [gap], ...fields });
    const nodes = [node("a", { to: 8 }), away].map((record) => ({ record: { ...record }, before: [], isDead: false }));
    return faultsOf(settledRun({ sent: all, acknowledged: all }, nodes, repeats));
  };
  const told = [/^b was told of a gap from 0 to \d, and missed nothing$/];
  const matches = (faults: string[], patterns: RegExp[]) => {
    assert.equal(faults.length, patterns.length, faults.join("\n"));
    for (const [i, pattern] of patterns.entries()) assert.match(faults[i]!, pattern);
  };

  test("accepts a gap that ends at a deleted repeat", () => {
    matches(faultsWith({ after: 0, through: 7, heard: 5 }), []);
  });

  test("detects a gap that ends elsewhere, before or after the repeat", () => {
    matches(faultsWith({ after: 0, through: 6, heard: 5 }), told);
    matches(faultsWith({ after: 0, through: 8, heard: 5 }), told);
  });

  test("detects a gap of a node that was beyond the repeat", () => {
    matches(faultsWith({ after: 0, through: 7, heard: 7 }), told);
  });

  test("accepts a gap that ends at a lost repeat or after it, for a node that was before it", () => {
    const lost = { deleted: [], lost: [7] };
    matches(faultsWith({ after: 0, through: 7, heard: 5 }, {}, lost), []);
    matches(faultsWith({ after: 0, through: 8, heard: 5 }, {}, lost), []);
    matches(faultsWith({ after: 0, through: 6, heard: 5 }, {}, lost), told);
    matches(faultsWith({ after: 0, through: 8, heard: 7 }, {}, lost), told);
  });

  test("keeps such a gap for a node that has missed an update in it", () => {
    matches(faultsWith({ after: 0, through: 7, heard: 3 }, { heard: heard(1, 2, 3) }), []);
  });
});
