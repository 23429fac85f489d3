// Searches for the request that blocks the event loop longest, whatever its bytes. Every run counts the match steps of
// one turn, which are equal on every machine. A long run measures time too: the table in bench/README.md is its result.

import assert from "node:assert/strict";
import { test } from "node:test";
import { stepsPerUpdate } from "../../src/hub/fan-out/dispatcher.js";
import { stepsPerTurn } from "../../src/hub/pacer.js";
import { inWords } from "../support/hostile-request.js";
import { findWorst, HostileGround } from "../support/worst-request.js";

const runs = Number(process.env.FUZZ_RUNS ?? 10_000);
const isLong = runs >= 100_000;

/** One request takes milliseconds, and a parser microseconds. */
const tries = Math.ceil(runs / 100);

/** The largest pattern is compiled and evaluated without a pause, whatever the turn has taken before. */
const stepsOfOnePattern = 400_000;

/** In milliseconds of CPU time, on two virtual cores of a server at 2.5 GHz. */
const longestTurn = 20;

test("every request to the hub does a bounded amount of work in one turn", async (t) => {
  const ground = await HostileGround.open(isLong ? 20_000 : 1_000);
  t.after(() => ground.close());
  const seed = isLong ? Date.now() % 2 ** 31 : 1;
  const findings = await findWorst(ground, tries, seed, ({ time, steps }) => (isLong ? time : steps));
  assert.ok(findings.length > 0);
  for (const { request, cost } of findings) {
    assert.ok(
      cost.steps <= stepsPerTurn + stepsPerUpdate + stepsOfOnePattern,
      `${cost.steps} steps: ${inWords(request, ground.hubPath)}`,
    );
  }
  if (!isLong) return;
  t.diagnostic(`${tries} requests, seed ${seed}; the worst:`);
  for (const { request, cost } of findings.slice(0, 10)) {
    t.diagnostic(`| ${cost.time.toFixed(1)} ms | ${cost.status} | ${inWords(request, ground.hubPath)} |`);
  }
  const { time } = findings[0]!.cost;
  assert.ok(time <= longestTurn, `one request held the event loop for ${time} ms`);
});
