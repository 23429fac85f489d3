import assert from "node:assert/strict";
import { describe, test } from "node:test";
import {
  type Selector,
  selectorPath,
  subscriptionDocument,
  subscriptionEvent,
} from "../../src/protocol/active-subscription.js";
import { percentDecode, percentEncode } from "../../src/protocol/percent-encode.js";

const hub = "/.well-known/mercure";
const subscriber = "urn:uuid:bb3de268-05b0-4c65-b44e-8f9acefc29d6";
const encodedSubscriber = "urn%3Auuid%3Abb3de268-05b0-4c65-b44e-8f9acefc29d6";

/** Returns the event of a subscription with a payload. */
function eventOf(selector: Selector, active: boolean) {
  const subscription = { selector, subscriber, payload: { foo: "bar" } };
  const event = subscriptionEvent(selectorPath(hub, selector), subscription, active);
  return {
    topics: event.topics,
    document: JSON.parse(event.data) as unknown,
    isPrivate: event.private,
    type: event.type,
  };
}

describe("the event of a subscription", () => {
  test("of Mercure 0.x, as in the specification's example", () => {
    const selector = { text: "https://example.com/{selector}" };
    const id = `${hub}/subscriptions/https%3A%2F%2Fexample.com%2F%7Bselector%7D/${encodedSubscriber}`;
    const { topics, document, isPrivate, type } = eventOf(selector, true);
    assert.deepEqual(document, {
      "@context": "https://mercure.rocks/",
      id,
      type: "Subscription",
      topic: "https://example.com/{selector}",
      subscriber,
      active: true,
      payload: { foo: "bar" },
    });
    assert.deepEqual(topics, [id, selectorPath(hub, selector)]);
    assert.deepEqual([isPrivate, type], [true, undefined]);
  });

  test("of Mercure 1.0, as in the specification's example", () => {
    const selector = { text: "https://example.com/:selector", matchType: "urlpattern" } as const;
    const id = `${hub}/subscriptions/urlpattern/https%3A%2F%2Fexample.com%2F%3Aselector/${encodedSubscriber}`;
    const { topics, document, isPrivate, type } = eventOf(selector, false);
    assert.deepEqual(document, {
      id,
      type: "subscription",
      match_type: "urlpattern",
      match: "https://example.com/:selector",
      subscriber,
      active: false,
      payload: { foo: "bar" },
    });
    assert.deepEqual(topics, [id, selectorPath(hub, selector)]);
    assert.deepEqual([isPrivate, type], [true, "mercure"]);
  });

  test("omits a missing payload, and keeps one that is null", () => {
    const document = (payload?: unknown) =>
      subscriptionDocument(hub, { selector: { text: "a" }, subscriber, payload }, true);
    assert.equal(document(null).payload, null);
    assert.equal("payload" in document(), false);
  });

  test("encodes a percent sign of the selector too, and nothing twice", () => {
    assert.equal(selectorPath("/hub", { text: "a%2Fb" }), "/hub/subscriptions/a%252Fb");
  });
});

test("percent-encoding leaves only RFC 3986's unreserved characters, and is reversible", () => {
  const text = String.fromCharCode(...Array.from({ length: 0x180 }, (_, i) => i));
  assert.match(percentEncode(text), /^(?:[A-Za-z0-9._~-]|%[0-9A-F]{2})+$/);
  assert.equal(percentDecode(percentEncode(`${text}☃😀`)), `${text}☃😀`);
  assert.equal(percentEncode("\ud800"), "%EF%BF%BD");
  for (const broken of ["%", "%zz", "%FF", "%E2%98"]) assert.equal(percentDecode(broken), undefined);
});
