import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { requestedCursor, requestedMatchers } from "../../../src/protocol/matching/subscription-parameters.js";

const hubUrl = "https://hub.example/.well-known/mercure";
const limits = { count: 3, length: 20, patternSize: 5000, bytes: 0 };

describe("the parameters of a subscription", () => {
  test("are read with their types, each once", async () => {
    const parameters = new URLSearchParams("match=a&match_urlpattern=/:x&match_exact=a&x=y");
    const { version, matchers } = await requestedMatchers(parameters, "both", limits, hubUrl);
    assert.equal(version, 1);
    const read = matchers.all.map(({ type, pattern }) => `${type} ${pattern}`);
    assert.deepEqual(read, ["exact a", "urlpattern /:x"]);
  });

  test("use the first value of a cursor, and the first non-empty one of its several names", () => {
    assert.equal(requestedCursor(new URLSearchParams("last_event_id=a&last_event_id=b"), 1), "a");
    assert.equal(requestedCursor(new URLSearchParams("last_event_id=&last_event_id=b"), 1), "");
    assert.equal(requestedCursor(new URLSearchParams("lastEventID=&last_event_id=b"), 0), "b");
    assert.equal(requestedCursor(new URLSearchParams("x"), 1), undefined);
    assert.equal(requestedCursor(new URLSearchParams("last_event_id=b&lastEventID=a"), 0), "a");
  });
});
