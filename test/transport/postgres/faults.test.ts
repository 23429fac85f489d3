import assert from "node:assert/strict";
import { test } from "node:test";
import { faultsOf } from "../../faults/checker.js";
import { postgresFaults } from "../../faults/postgres.js";
import { withoutMount } from "../../faults/small-disk.js";
import { withoutPostgres } from "../../support/postgres-server.js";

const promises: Readonly<Record<keyof typeof postgresFaults, string>> = {
  "server-kill": "lose and repeat nothing when the server is killed",
  "server-stall": "repeat no request that a server executes after it has hung for longer than they wait",
  cut: "lose and repeat nothing when all connections are cut",
  "node-kill": "lose nothing when one of them is killed",
  "node-stall": "bring the updates of the other node to one that did not run for a while",
  trimmed: "tell one of a gap, and no other, when the table has deleted updates that it missed",
  "full-disk": "reject updates while the disk of the table is full, and continue when there is room",
  "fail-over": "lose and repeat nothing when a synchronous standby takes the place of the server",
  "empty-server": "continue, and tell exactly those of a gap that missed something, when the server comes back empty",
  "restored-backup": "do so too when the server comes back with the data of a backup",
};

// Each is a test by itself: a suite of all of them would take as long as the runner lets one test take.
for (const [fault, promise] of Object.entries(promises)) {
  const skip = withoutPostgres || (fault === "full-disk" && withoutMount);
  test(`nodes in processes of their own over PostgreSQL ${promise} (${fault})`, { skip }, async () => {
    const { run, complaints = [] } = await postgresFaults[fault]!(1);
    assert.deepEqual([...faultsOf(run), ...complaints], []);
    assert.ok(run.acknowledged.length >= 100);
  });
}

test("the faults of PostgreSQL have a promise each", () => {
  assert.deepEqual(Object.keys(promises), Object.keys(postgresFaults));
});
