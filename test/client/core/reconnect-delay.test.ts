import assert from "node:assert/strict";
import { describe, it } from "node:test";
import fc from "fast-check";
import { parseRetryAfter, reconnectDelay } from "../../../src/client/core/reconnect-delay.js";

describe("the delay of a reconnection", () => {
  it("grows from the server's retry to half a minute, and respects the server's retry as its min", () => {
    const failures = fc.nat(200);
    const retry = fc.nat(100_000);
    const retryAfter = fc.oneof(fc.constant(0), fc.nat(10_000_000));
    fc.assert(
      fc.property(retry, failures, retryAfter, (milliseconds, count, after) => {
        const delay = reconnectDelay(milliseconds, count, after);
        assert.ok(delay >= milliseconds && delay >= after);
        assert.ok(delay <= Math.max(30_000, milliseconds, after));
      }),
    );
  });

  it("is short at first, and long and spread later", () => {
    const first = reconnectDelay(500, 0, 0);
    assert.ok(first >= 500 && first <= 1_000);
    const late = Array.from({ length: 200 }, () => reconnectDelay(500, 20, 0));
    assert.ok(Math.min(...late) >= 15_000 && Math.max(...late) - Math.min(...late) > 5_000);
  });

  it("stays within the max delay of a timer", () => {
    assert.equal(reconnectDelay(1, 0, Number.MAX_VALUE), 2 ** 31 - 1);
    assert.equal(reconnectDelay(10 ** 300, 5, 0), 2 ** 31 - 1);
  });
});

describe("Retry-After", () => {
  const now = Date.parse("2030-01-01T00:00:00Z");

  it("is seconds or a date", () => {
    assert.equal(parseRetryAfter("120", now), 120_000);
    assert.equal(parseRetryAfter("Tue, 01 Jan 2030 00:00:05 GMT", now), 5_000);
  });

  it("is undefined when it is missing, invalid or past", () => {
    for (const header of [null, "", "soon", "-1", "Mon, 31 Dec 2029 00:00:00 GMT"]) {
      assert.equal(parseRetryAfter(header, now), 0);
    }
  });
});
