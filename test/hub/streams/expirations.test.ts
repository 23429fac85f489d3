import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { Expirations } from "../../../src/hub/streams/expirations.js";
import { systemClock } from "../../../src/shared/clock.js";

describe("expirations", () => {
  test("end each due entry, with one timer at a time", (t) => {
    t.mock.timers.enable({ apis: ["setTimeout", "Date"] });
    const timers = t.mock.method(globalThis, "setTimeout");
    const ended: string[] = [];
    const expirations = new Expirations(systemClock);
    const streams = ["a", "b", "c"].map((name) => ({ expire: () => void ended.push(name) }));
    for (const stream of streams) expirations.add(1000, stream);
    const later = { expire: () => void ended.push("later") };
    expirations.add(2000, later);
    expirations.add(3000, later);
    expirations.remove(3000, later);
    assert.equal(timers.mock.callCount(), 1);
    expirations.remove(1000, streams[1]!);
    t.mock.timers.tick(999);
    assert.deepEqual(ended, []);
    t.mock.timers.tick(1);
    assert.deepEqual(ended, ["a", "c"]);
    assert.equal(timers.mock.callCount(), 2);
    expirations.remove(1000, streams[0]!);
    expirations.remove(2000, later);
    t.mock.timers.tick(5000);
    assert.deepEqual(ended, ["a", "c"]);
  });

  test("run in their order, whatever was added or removed in between", (t) => {
    t.mock.timers.enable({ apis: ["setTimeout", "Date"] });
    const ended: number[] = [];
    const expirations = new Expirations(systemClock);
    const at = (time: number) => ({ expire: () => void ended.push(time) });
    const [third, first] = [at(3000), at(1000)];
    expirations.add(3000, third);
    expirations.add(1000, first);
    expirations.add(2000, at(2000));
    expirations.remove(1000, first);
    t.mock.timers.tick(1999);
    assert.deepEqual(ended, []);
    expirations.add(4000, at(4000));
    t.mock.timers.tick(1);
    assert.deepEqual(ended, [2000]);
    expirations.add(2500, at(2500));
    t.mock.timers.tick(5000);
    assert.deepEqual(ended, [2000, 2500, 3000, 4000]);
  });
});
