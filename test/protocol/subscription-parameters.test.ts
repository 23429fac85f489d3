import assert from "node:assert/strict";
import { describe, test } from "node:test";
import fc from "fast-check";
import { MercureError } from "../../src/errors.js";
import { parseForm } from "../../src/protocol/form.js";
import { Refusal } from "../../src/protocol/problem.js";
import { requestedCursor, requestedMatchers } from "../../src/protocol/subscription-parameters.js";

const hubUrl = "https://hub.example/.well-known/mercure";
const limits = { count: 3, length: 20 };

describe("the parameters of a subscription", () => {
  test("are read with their types, each once", () => {
    const parameters = new URLSearchParams("match=a&match_urlpattern=/:x&match_exact=a&x=y");
    const { generation, matchers } = requestedMatchers(parameters, "both", limits, hubUrl);
    assert.equal(generation, 1);
    const read = matchers.all.map(({ type, pattern }) => `${type} ${pattern}`);
    assert.deepEqual(read, ["exact a", "urlpattern /:x"]);
  });

  test("a cursor is single-valued: the first counts, and of several names one that is not empty", () => {
    assert.equal(requestedCursor(new URLSearchParams("last_event_id=a&last_event_id=b"), 1), "a");
    assert.equal(requestedCursor(new URLSearchParams("last_event_id=&last_event_id=b"), 1), "");
    assert.equal(requestedCursor(new URLSearchParams("lastEventID=&last_event_id=b"), 0), "b");
    assert.equal(requestedCursor(new URLSearchParams("x"), 1), undefined);
    assert.equal(requestedCursor(new URLSearchParams("last_event_id=b&lastEventID=a"), 0), "a");
  });

  test("whatever is asked, it is within the limits or refused", () => {
    const name = fc.oneof(
      fc.constantFrom("topic", "match", "match_exact", "match_urlpattern", "lastEventID"),
      fc.string(),
    );
    const value = fc.oneof(
      fc.string({ unit: fc.constantFrom(..."ab/:*?{}()+,\\|[]é") }),
      fc.string({ unit: "binary" }),
    );
    fc.assert(
      fc.property(
        fc.array(fc.tuple(name, value), { maxLength: 5 }),
        fc.constantFrom(0, 1, "both"),
        (pairs, protocol) => {
          const parameters = parseForm(pairs.map((pair) => pair.join("=")).join("&"));
          if (parameters === undefined) return;
          try {
            const { generation, matchers } = requestedMatchers(parameters, protocol as 0, limits, hubUrl);
            assert.ok(matchers.all.length >= 1 && matchers.all.length <= limits.count);
            assert.ok(matchers.all.every(({ pattern }) => pattern.length <= limits.length));
            assert.ok(protocol === "both" || generation === protocol);
            matchers.matches("a/b");
          } catch (error) {
            assert.ok(
              error instanceof Refusal || (error instanceof MercureError && error.code === "ERR_TOPIC"),
              `${error}`,
            );
          }
        },
      ),
      { numRuns: 10_000 },
    );
  });
});
