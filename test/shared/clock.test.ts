import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { systemClock } from "../../src/shared/clock.js";

const { at } = systemClock;

const day = 24 * 3600 * 1000;

describe("a time of the system's clock", () => {
  // Node takes a delay of more than 24.8 days for 1 ms: a token for a year would end its stream at once.
  test("can be further away than a timer reaches", (t) => {
    t.mock.timers.enable({ apis: ["setTimeout", "Date"] });
    let passed = false;
    at(365 * day, () => {
      passed = true;
    });
    for (let days = 0; days < 364; days += 4) t.mock.timers.tick(4 * day);
    assert.ok(!passed);
    t.mock.timers.tick(day);
    assert.ok(passed);
  });

  test("in the past is now", (t) => {
    t.mock.timers.enable({ apis: ["setTimeout", "Date"], now: 10 * day });
    let passed = false;
    at(day, () => {
      passed = true;
    });
    assert.ok(!passed);
    t.mock.timers.tick(1);
    assert.ok(passed);
  });

  test("can be cancelled, near and far", (t) => {
    t.mock.timers.enable({ apis: ["setTimeout", "Date"] });
    for (const days of [1, 100]) {
      const cancel = at(Date.now() + days * day, () => assert.fail("called off"));
      t.mock.timers.tick(day / 2);
      cancel();
    }
    for (let days = 0; days < 110; days += 10) t.mock.timers.tick(10 * day);
  });
});
