import assert from "node:assert/strict";
import { describe, it } from "node:test";
import fc from "fast-check";
import { type FailedAttempts, parseRetryAfter, reconnectDelay } from "../../../src/client/core/reconnect-delay.js";

const attempts: FailedAttempts = { retryAfter: 0, before: 0, since: 0, isUrgent: true };

function delays(options: Partial<FailedAttempts>): number[] {
  return Array.from({ length: 500 }, () => reconnectDelay({ ...attempts, ...options }));
}

describe("the delay of a reconnection", () => {
  it("is at least what the server asks for, and bounded", () => {
    const retryAfter = fc.oneof(fc.constant(0), fc.nat(10_000_000));
    const anyAttempts = fc.record({
      retry: fc.nat(100_000),
      retryAfter,
      before: fc.nat(2000),
      since: fc.nat(10 ** 9),
      isUrgent: fc.boolean(),
    });
    fc.assert(
      fc.property(anyAttempts, (given) => {
        const delay = reconnectDelay(given);
        assert.ok(delay >= given.retry && delay >= given.retryAfter);
        assert.ok(delay <= Math.max(given.retry + 30_000, given.retryAfter));
      }),
    );
  });

  it("is short at first, and spreads over the whole range", () => {
    const first = delays({});
    assert.ok(Math.max(...first) <= 1_000 && Math.min(...first) < 250 && Math.max(...first) > 750);
  });

  it("is at most four seconds in an outage of a minute in a visible page", () => {
    const late = delays({ before: 20, since: 60_000 });
    assert.ok(Math.max(...late) <= 4_000 && Math.max(...late) > 3_000 && Math.min(...late) < 1_000);
  });

  it("is hardly longer than the outage so far, however many attempts have failed and whatever the answer", () => {
    for (const isUrgent of [true, false]) {
      const next = delays({ before: 20, since: 1_200, isUrgent });
      assert.ok(Math.max(...next) <= 1_700 && Math.max(...next) > 1_300);
    }
  });

  it("grows to half a minute in a long outage, in a hidden page and after answers that no hub gives", () => {
    for (const options of [{ since: 3_600_000 }, { since: 60_000, isUrgent: false }]) {
      const late = delays({ before: 20, ...options });
      assert.ok(Math.max(...late) > 25_000 && Math.max(...late) <= 30_000, JSON.stringify(options));
    }
  });

  it("grows even when the server asks for no delay", () => {
    assert.ok(Math.max(...delays({ retry: 0, before: 5, since: 10_000 })) > 1_000);
  });

  it("stays within the max delay of a timer", () => {
    assert.equal(reconnectDelay({ ...attempts, retryAfter: Number.MAX_VALUE }), 2 ** 31 - 1);
    assert.equal(reconnectDelay({ ...attempts, retry: 10 ** 300, before: 5 }), 2 ** 31 - 1);
  });
});

describe("Retry-After", () => {
  const now = Date.parse("2030-01-01T00:00:00Z");

  it("is seconds or a date", () => {
    assert.equal(parseRetryAfter("120", now), 120_000);
    assert.equal(parseRetryAfter("Tue, 01 Jan 2030 00:00:05 GMT", now), 5_000);
  });

  it("is 0 when it is missing, invalid or past", () => {
    for (const header of [null, "", "soon", "-1", "Mon, 31 Dec 2029 00:00:00 GMT"]) {
      assert.equal(parseRetryAfter(header, now), 0);
    }
  });
});
