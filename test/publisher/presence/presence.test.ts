import assert from "node:assert/strict";
import { describe, test } from "node:test";
import type { SubscriptionDocument } from "../../../src/protocol/active-subscription.js";
import { Presence, type PresenceOptions } from "../../../src/publisher/presence/presence.js";
import { ManualClock } from "../../support/manual-clock.js";

/** People who come and go, and the announcements. */
function start(options: Partial<PresenceOptions> = {}) {
  const clock = new ManualClock();
  const open = new Map<string, SubscriptionDocument>();
  const told: string[] = [];
  const listeners = new Set<Parameters<PresenceOptions["hub"]["onSubscription"]>[0]>();
  let streams = 0;
  const presence = new Presence({
    hub: {
      subscriptions: (topic) => [...open.values()].filter((each) => each.topic === topic),
      onSubscription: (listener) => {
        listeners.add(listener);
        return () => listeners.delete(listener);
      },
    },
    clock,
    key: "id",
    grace: 5,
    lifetime: 3600,
    announce: (topic) => told.push(topic),
    ...options,
  });
  /** Opens a stream, and returns a function that closes it. */
  const come = (payload?: unknown, topic = "room", isLocal = true) => {
    const subscriber = `urn:uuid:${++streams}`;
    const subscription = { id: "", type: "Subscription", topic, subscriber, active: true, payload } as const;
    open.set(subscriber, subscription);
    for (const listener of listeners) listener(subscription, true, { isLocal, isDisconnected: false, start: 0 });
    return (isDisconnected = false) => {
      open.delete(subscriber);
      const change = { isLocal, isDisconnected, start: 0 };
      for (const listener of listeners) listener({ ...subscription, active: false }, true, change);
    };
  };
  const who = () => presence.of("room").map(({ key, connections }) => `${key}: ${connections}`);
  return { clock, presence, told, come, who, listeners };
}

describe("presence", () => {
  test("counts people, whatever their number of windows", () => {
    const { come, who, told } = start();
    const close = come({ id: 7, name: "Ada" });
    assert.deepEqual(who(), ["7: 1"], "people from before the first request are listed");
    come({ id: 7, name: "Ada" });
    come({ id: 7, name: "Ada" });
    come({ id: 8, name: "Grace" });
    assert.deepEqual(who(), ["7: 3", "8: 1"]);
    close();
    assert.deepEqual(who(), ["7: 2", "8: 1"]);
    assert.deepEqual(told, ["room"], "of Grace alone");
  });

  test("ignores a reload", () => {
    const { come, who, told, clock } = start();
    const leave = come({ id: 7 });
    assert.deepEqual(who(), ["7: 1"]);
    leave();
    clock.advance(4.9);
    assert.deepEqual(who(), ["7: 0"]);
    come({ id: 7 });
    clock.advance(60);
    assert.deepEqual(who(), ["7: 1"]);
    assert.deepEqual(told, []);
    assert.equal(clock.waiting, 0);
  });

  test("announces once, after the grace period, that a person has left", () => {
    const { come, who, told, clock } = start();
    const [one, other] = [come({ id: 7 }), come({ id: 7 })];
    who();
    one();
    clock.advance(60);
    assert.deepEqual([who(), told], [["7: 1"], []]);
    other();
    clock.advance(4.9);
    assert.deepEqual(told, []);
    clock.advance(0.1);
    assert.deepEqual([who(), told], [[], ["room"]]);
  });

  test("announces at once that a person has left on purpose", () => {
    const { come, who, told, clock } = start();
    const leave = come({ id: 7 });
    who();
    leave(true);
    assert.deepEqual([who(), told, clock.waiting], [[], ["room"], 0]);
  });

  test("announces a change on another node later, and only if no other node has announced it", () => {
    let hear = () => {};
    const onAnnouncement = (_topic: string, listener: () => void) => {
      hear = listener;
      return () => {};
    };
    const { come, who, told, clock } = start({ onAnnouncement });
    who();
    come({ id: 7 }, "room", false);
    clock.advance(0.1);
    hear();
    clock.advance(2);
    assert.deepEqual(told, []);
    const leave = come({ id: 8 }, "room", false);
    assert.deepEqual(told, []);
    clock.advance(0.4);
    assert.deepEqual(told, ["room"]);
    leave();
    clock.advance(1);
    come({ id: 8 }, "room", true);
    clock.advance(60);
    assert.deepEqual(told, ["room"], "a reload that reaches another node");
    come({ id: 9 });
    assert.deepEqual(told, ["room", "room"], "at once for a stream of this node");
  });

  test("counts a nameless person once for each stream", () => {
    const { come, who } = start();
    come();
    come({ name: "no id" });
    come({ id: "" });
    assert.deepEqual(who(), ["urn:uuid:1: 1", "urn:uuid:2: 1", "urn:uuid:3: 1"]);
  });

  test("counts a nameless visitor who reloads once, and announces nothing", () => {
    const { come, who, told, clock } = start();
    const leave = come();
    come({ name: "no id" });
    who();
    leave();
    clock.advance(4.9);
    assert.deepEqual(who(), ["urn:uuid:1: 0", "urn:uuid:2: 1"]);
    come();
    clock.advance(60);
    assert.deepEqual([who(), told, clock.waiting], [["urn:uuid:2: 1", "urn:uuid:3: 1"], [], 0]);
  });

  test("keeps a nameless visitor apart from one with another payload", () => {
    const { come, who, told, clock } = start();
    const leave = come({ name: "Ada" });
    who();
    leave();
    come({ name: "Grace" });
    assert.deepEqual([who(), told.length], [["urn:uuid:1: 0", "urn:uuid:2: 1"], 1]);
    clock.advance(5);
    assert.deepEqual([who(), told.length], [["urn:uuid:2: 1"], 2]);
  });

  // An anonymous client opens and closes streams, and every open page fetches its list of people each time.
  test("announces sixteen anonymous connections twice, and so their ends", () => {
    const { presence, come, told, clock } = start();
    presence.watch("room");
    const leaves = Array.from({ length: 16 }, () => come());
    assert.equal(told.length, 1);
    for (const leave of leaves) leave();
    clock.advance(1);
    assert.equal(told.length, 2);
    for (let second = 0; second < 10; second++) clock.advance(1);
    assert.deepEqual([told.length, presence.of("room"), clock.waiting], [4, [], 0]);
  });

  // The same client continues for a minute.
  test("announces a topic at most once a second, and its last change always", () => {
    const { presence, come, told, clock } = start({ grace: 0 });
    presence.watch("room");
    for (let i = 0; i < 600; i++) {
      come({ id: i })();
      clock.advance(0.1);
    }
    assert.ok(told.length >= 59 && told.length <= 61, `${told.length}`);
    clock.advance(2);
    const settled = told.length;
    come({ id: "last" });
    assert.equal(told.length, settled + 1);
  });

  test("announces topics independently of each other", () => {
    const { presence, come, told } = start();
    presence.watch("room");
    presence.watch("other");
    come({ id: 7 });
    come({ id: 7 }, "other");
    assert.deepEqual(told, ["room", "other"]);
  });

  // A visitor requests pages of new rooms again and again.
  test("bounds the memory of watched topics, and evicts the oldest", () => {
    const { presence, come, told } = start();
    presence.watch("room");
    for (let i = 0; i < 7000; i++) presence.watch(`${i} ${"x".repeat(2040)}`);
    come({ id: 7 });
    assert.deepEqual(told, []);
    presence.watch("room");
    come({ id: 8 });
    assert.deepEqual(told, ["room"]);
  });

  test("announces a changed payload, and counts the newest", () => {
    const { come, presence, told } = start();
    come({ id: 7, name: "Ada" });
    presence.of("room");
    come({ id: 7, name: "Ada" });
    assert.deepEqual(told, []);
    come({ id: 7, name: "Countess" });
    assert.deepEqual(told, ["room"]);
    assert.deepEqual(presence.of("room"), [{ key: "7", payload: { id: 7, name: "Countess" }, connections: 3 }]);
  });

  for (const [key, payload, expected] of [
    ["name", { name: "Ada" }, "Ada"],
    ["id", "Ada", "Ada"],
    ["id", 7, "7"],
    ["toString", {}, "urn:uuid:1"],
    [(payload: unknown) => (payload as { user: { id: number } }).user.id, { user: { id: 7 } }, "7"],
    [() => undefined, { id: 7 }, "urn:uuid:1"],
  ] as const) {
    test(`identifies ${JSON.stringify(payload)} as ${expected} by ${typeof key === "string" ? key : "a function"}`, () => {
      const { come, presence } = start({ key });
      come(payload);
      assert.deepEqual(
        presence.of("room").map((person) => person.key),
        [expected],
      );
    });
  }

  test("counts people for each topic, and rejects patterns as topics", () => {
    const { presence, come, told, listeners } = start();
    presence.watch("room");
    come({ id: 7 }, "other");
    for (const listener of listeners) {
      const pattern = { id: "", type: "subscription", match_type: "urlpattern", match: "room" } as const;
      const change = { isLocal: true, isDisconnected: false, start: 0 };
      listener({ ...pattern, subscriber: "urn:uuid:x", active: true }, false, change);
    }
    assert.deepEqual([presence.of("room"), told], [[], []]);
  });

  // Each visitor of an application with a topic for everything would leave an entry behind.
  test("evicts a topic without readers, and announces nothing for it", () => {
    const { presence, come, told, clock } = start({ lifetime: 1 });
    const leave = come({ id: 7 });
    presence.watch("room");
    leave();
    assert.equal(clock.waiting, 1);
    clock.advance(1);
    presence.watch("other");
    assert.equal(clock.waiting, 0);
    come({ id: 8 });
    assert.deepEqual(told, []);
  });

  test("does nothing after it is closed", () => {
    const { presence, come, told, clock, listeners } = start();
    const leave = come({ id: 7 });
    presence.watch("room");
    leave();
    presence.close();
    clock.advance(60);
    assert.deepEqual([told, clock.waiting, listeners.size], [[], 0, 0]);
  });
});
