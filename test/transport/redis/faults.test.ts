import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { faultsOf } from "../../faults/checker.js";
import { redisFaults } from "../../faults/redis.js";
import { withoutRedis } from "../../support/redis.js";

const promises: Readonly<Record<keyof typeof redisFaults, string>> = {
  "server-kill": "lose nothing that the server had on its disk when it is killed",
  "server-stall": "repeat no request that a server executes after it has hung for longer than they wait",
  cut: "lose and repeat nothing when all connections are cut",
  "node-kill": "lose nothing when one of them is killed",
  "node-stall": "bring the updates of the other nodes to one that did not run for a while",
  trimmed: "tell one of a gap, and no other, when the log has deleted updates that it missed",
  "full-disk": "reject updates while the server's disk is full, and continue when there is room",
  "full-memory": "reject updates while the server's memory is full, and continue when there is room",
  "fail-over": "lose nothing that a replica had when a sentinel promotes it",
  "empty-server": "continue, and tell exactly those of a gap that missed something, when the server comes back empty",
};

describe("nodes in processes of their own over Redis", { skip: withoutRedis }, () => {
  for (const [fault, promise] of Object.entries(promises)) {
    test(`${promise} (${fault})`, async () => {
      const { run, complaints = [] } = await redisFaults[fault]!(1);
      assert.deepEqual([...faultsOf(run), ...complaints], []);
      assert.ok(run.acknowledged.length >= 100);
    });
  }

  test("have a promise for each fault of the runner", () => {
    assert.deepEqual(Object.keys(promises), Object.keys(redisFaults));
  });
});
