import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { parseForm } from "../../src/protocol/form.js";
import { requestedCursor, requestedMatchers } from "../../src/protocol/matching/subscription-parameters.js";
import { percentDecode } from "../../src/protocol/percent-encode.js";
import { HttpProblem } from "../../src/protocol/problem.js";
import { requestedSubscriptions } from "../../src/protocol/subscription-api.js";
import { MercureError } from "../../src/shared/errors.js";
import { fuzz, hostileText } from "../support/fuzz.js";

const hubUrl = "https://hub.example/.well-known/mercure";

test("any subscription is within the limits, or rejected", async (t) => {
  const limits = { count: 3, length: 40, patternSize: 5000, bytes: 0 };
  const name = fc.oneof(
    fc.constantFrom("topic", "match", "match_exact", "match_urlpattern", "MATCH", "lastEventID", "last_event_id"),
    hostileText(["match", "_", "topic"]),
  );
  const value = hostileText([..."ab/:*?{}()+,\\|[]é%", "https://", "{x}", ":x"], 4_096);
  const query = fc.array(fc.tuple(name, value), { maxLength: 5 });
  const property = fc.asyncProperty(query, fc.constantFrom(0, 1, "both"), async (pairs, protocol) => {
    const parameters = parseForm(pairs.map((pair) => pair.join("=")).join("&"));
    if (parameters === undefined) return;
    try {
      const { version, matchers } = await requestedMatchers(parameters, protocol as 0 | 1 | "both", limits, hubUrl);
      assert.ok(matchers.all.length >= 1 && matchers.all.length <= limits.count);
      assert.ok(matchers.all.every(({ pattern }) => pattern.length <= limits.length));
      assert.ok(protocol === "both" || version === protocol);
      matchers.matches("a/b");
      const cursor = requestedCursor(parameters, version);
      assert.ok(cursor === undefined || pairs.some(([, text]) => text !== ""));
    } catch (error) {
      assert.ok(
        error instanceof HttpProblem || (error instanceof MercureError && error.code === "ERR_TOPIC"),
        `${error}`,
      );
    }
  });
  await fuzz(t, property);
});

test("any path below /subscriptions names one resource, or none", async (t) => {
  const path = hostileText(["/", "%2F", "%", "%ff", "exact", "urlpattern", "a", ":x", "..", "urn:uuid:", "*"]);
  const property = fc.property(path, fc.constantFrom(0 as const, 1 as const), (text, version) => {
    const segments = text.split("/").map(percentDecode);
    if (!segments.every((segment) => segment !== undefined)) return;
    const requested = requestedSubscriptions(segments, version);
    if (requested === undefined) return;
    const { selector, subscriber } = requested;
    const matchType = selector?.matchType === undefined ? [] : [selector.matchType];
    const read = [...matchType, ...(selector === undefined ? [] : [selector.text])];
    assert.deepEqual([...read, ...(subscriber === undefined ? [] : [subscriber])], segments);
  });
  await fuzz(t, property);
});
