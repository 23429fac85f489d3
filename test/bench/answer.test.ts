import assert from "node:assert/strict";
import { test } from "node:test";
import { answer } from "../../bench/harness/answer.js";
import type { Peer } from "../../bench/harness/peer.js";
import type { Question, Row } from "../../bench/harness/question.js";
import { report } from "../../bench/harness/report.js";
import { everyPeer } from "../../bench/peers/all.js";
import { floor } from "../../bench/peers/floor.js";
import { everyQuestion } from "../../bench/questions/all.js";
import { oneTopic } from "../../bench/questions/one-topic.js";

const tiny = { seconds: () => 0.02, count: () => 3 };
const all = { scale: tiny, rounds: 1, isWanted: () => true, progress: () => {} };

const peer = (name: string, missing?: string): Peer => ({
  name,
  what: name,
  missing: () => missing,
  start: () => Promise.reject(new Error("not needed here")),
});

const question = (peers: readonly Peer[], measure: (peer: Peer) => Row[]): Question => ({
  name: "how-much",
  asks: "How much?",
  peers,
  columns: [{ figure: "cpu", title: "CPU µs", digits: 1 }],
  measure: async (peer) => measure(peer),
  judge: (rows) => [...rows.atMost("kit", "cpu", 2, "bare"), ...rows.below("kit", "cpu", 5, "µs")],
});

const row = (name: string, cpu: number): Row => ({ name, figures: { cpu }, faults: [] });

test("measures a real server", async () => {
  const found = await answer({ ...oneTopic, peers: [floor] }, all);
  assert.deepEqual(
    found.rows.map(({ name, faults }) => ({ name, faults })),
    [{ name: "floor", faults: [] }],
  );
  assert.ok(found.rows[0]!.figures.cpu! > 0);
  assert.ok(found.rows[0]!.figures.deliveries! > 0);
});

test("gives each row the median of its rounds", async () => {
  const figures = [7, 1, 2];
  const found = await answer(
    question([peer("kit")], () => [row("kit", figures.shift()!)]),
    { ...all, rounds: 3 },
  );
  assert.deepEqual(found.rows, [row("kit", 2)]);
});

test("gives a ratio as the median of the rounds' ratios, whatever the machine's load in each", async () => {
  const figures = { kit: [6, 60, 1], bare: [4, 30, 4] };
  const found = await answer(
    question([peer("kit"), peer("bare")], ({ name }) => [row(name, figures[name as "kit" | "bare"].shift()!)]),
    { ...all, rounds: 3 },
  );
  assert.equal(found.targets[0]?.measured, "1.50");
});

test("compares a difference with a target", async () => {
  const differs = question([peer("kit"), peer("bare")], ({ name }) => [row(name, name === "kit" ? 6 : 4)]);
  const judge: Question["judge"] = (rows) => rows.above("kit", "cpu", 1, "µs", "bare");
  assert.deepEqual((await answer({ ...differs, judge }, all)).targets, [
    { wanted: "kit: cpu at most 1 µs above bare's", measured: "2.0", met: false },
  ]);
});

test("compares rows of the same run with targets, and says whether they are met", async () => {
  const found = await answer(
    question([peer("kit"), peer("bare")], ({ name }) => [row(name, name === "kit" ? 6 : 4)]),
    all,
  );
  assert.deepEqual(found.targets, [
    { wanted: "kit: cpu at most 2 of bare's", measured: "1.50", met: true },
    { wanted: "kit: cpu at most 5 µs", measured: "6.0", met: false },
  ]);
});

test("omits a target without one of its rows", async () => {
  const found = await answer(
    question([peer("kit"), peer("bare", "it is not installed")], ({ name }) => [row(name, 4)]),
    all,
  );
  assert.deepEqual(
    found.targets.map(({ wanted }) => wanted),
    ["kit: cpu at most 5 µs"],
  );
  assert.deepEqual(found.leftOut, [{ name: "bare", why: "it is not installed" }]);
});

test("reports a failing peer as a row with a fault, and measures the others", async () => {
  const found = await answer(
    question([peer("kit"), peer("bare")], ({ name }) => {
      if (name === "kit") throw new Error("it has ended");
      return [row(name, 4)];
    }),
    all,
  );
  assert.deepEqual(found.rows, [{ name: "kit", figures: {}, faults: ["it has ended"] }, row("bare", 4)]);
});

test("reports figures, faults, omissions, and missed targets", async () => {
  const asked = question([peer("kit"), peer("bare", "it is not installed")], () => [
    { name: "kit", figures: { cpu: 1234.56 }, faults: ["3 lost"] },
  ]);
  const lines = report(await answer(asked, all), asked.columns).split("\n");
  assert.deepEqual(lines, [
    "How much?",
    "      CPU µs",
    "kit  1,234.6",
    "FAULT  kit: 3 lost",
    "left out  bare: it is not installed",
    "",
    "target                 measured        ",
    "kit: cpu at most 5 µs    1234.6  MISSED",
    "",
  ]);
});

test("gives each question and each peer a name of its own", () => {
  for (const named of [everyQuestion, everyPeer]) {
    assert.equal(new Set(named.map(({ name }) => name)).size, named.length);
  }
});
