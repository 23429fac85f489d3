import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { faultsOf } from "../../faults/checker.js";
import { lmdbFaults } from "../../faults/lmdb.js";
import { withoutMount } from "../../faults/small-disk.js";

/** Runs a fault, and checks that nothing acknowledged is lost, repeated or out of order, and that no gap is untold. */
async function survive(fault: keyof typeof lmdbFaults, rounds: number): Promise<void> {
  const { run, complaints = [] } = await lmdbFaults[fault]!(rounds);
  assert.deepEqual([...faultsOf(run), ...complaints], []);
  assert.ok(run.acknowledged.length >= 100 * rounds);
}

describe("An LMDB history", () => {
  test("loses nothing when its only writer is killed at any instant", () => survive("node-kill", 6));

  test("loses nothing when one of three writers is killed at any instant, and never blocks the others", () =>
    survive("node-kill-of-three", 3));

  test("delivers the updates of the others to a process that was paused", () => survive("node-stall", 2));

  test("tells a process of a gap, and no other, when history has evicted updates that it missed", () =>
    survive("trimmed", 1));

  test("rejects updates on a full disk with a clear error, loses nothing, and continues when there is room", () =>
    survive("full-disk", 2));

  test("does so on a file system that really fills", { skip: withoutMount }, () => survive("full-file-system", 1));

  test("uses no position again in an empty folder, and knows no id of the lost one", () => survive("empty-folder", 2));

  test("uses no position again after a backup is restored, and knows no id of an update that the backup lacks", () =>
    survive("restored-backup", 2));
});
