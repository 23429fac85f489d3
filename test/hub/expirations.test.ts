import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { systemClock } from "../../src/clock.js";
import { Expirations } from "../../src/hub/expirations.js";

describe("expirations", () => {
  test("end what is due, with one timer for all that are due together", (t) => {
    t.mock.timers.enable({ apis: ["setTimeout", "Date"] });
    const timers = t.mock.method(globalThis, "setTimeout");
    const ended: string[] = [];
    const expirations = new Expirations(systemClock);
    const streams = ["a", "b", "c"].map((name) => ({ expire: () => void ended.push(name) }));
    for (const stream of streams) expirations.add(1000, stream);
    const later = { expire: () => void ended.push("later") };
    expirations.add(2000, later);
    assert.equal(timers.mock.callCount(), 2);
    expirations.remove(1000, streams[1]!);
    t.mock.timers.tick(999);
    assert.deepEqual(ended, []);
    t.mock.timers.tick(1);
    assert.deepEqual(ended, ["a", "c"]);
    expirations.remove(1000, streams[0]!);
    expirations.remove(2000, later);
    t.mock.timers.tick(5000);
    assert.deepEqual(ended, ["a", "c"]);
  });
});
