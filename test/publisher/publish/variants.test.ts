import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { variantTopic } from "../../../src/protocol/own-topics.js";
import { Variants, variantText } from "../../../src/publisher/publish/variants.js";

function start(areAllKnown = true) {
  let now = 0;
  const variants = new Variants({ clock: { now: () => now }, lifetime: 60, areAllKnown });
  const pass = (seconds: number) => {
    now += seconds * 1000;
  };
  const hear = (topic: string, isPrivate = true, active = true) =>
    variants.onSubscriptionEvent({ id: "", type: "Subscription", topic, subscriber: "urn:uuid:1", active }, isPrivate);
  return { variants, pass, hear };
}

describe("variants", () => {
  test("are live from the first page until the last token for one has expired", () => {
    const { variants, pass } = start();
    assert.deepEqual(variants.of(["board"]), []);
    variants.rendered(["board"], '"de"');
    pass(30);
    variants.rendered(["board"], '"en"');
    variants.rendered(["board"], '"de"');
    pass(31);
    assert.deepEqual(variants.of(["board"]), ['"de"', '"en"']);
    variants.rendered(["board"], '"de"');
    pass(29);
    assert.deepEqual(variants.of(["board"]), ['"de"']);
    pass(60);
    assert.deepEqual(variants.of(["board"]), []);
  });

  test("that a publish on an idle store did not know have missed it, once, and later pages have not", () => {
    let head = 5;
    const told: string[] = [];
    const nodes = { head: () => head, upperBound: () => head + 1, tellMissed: (name: string) => void told.push(name) };
    const variants = new Variants({ clock: { now: () => 0 }, lifetime: 60, areAllKnown: true, nodes });
    const begin = (variant: string, start: number) => {
      const topic = variantTopic("board", variant, "variant");
      const event = { id: "", type: "Subscription", topic, subscriber: "urn:uuid:1", active: true } as const;
      variants.onSubscriptionEvent(event, true, start);
      return topic;
    };
    // Nothing is rendered, so nothing is stored and the head stays.
    variants.publishing(["board"], false)!(false);
    const [first, second] = [begin('"de"', 5), begin('"fr"', 5)];
    begin('"de"', 5);
    assert.deepEqual(told, [first, second]);
    head = 6;
    begin('"en"', 6);
    assert.deepEqual(told, [first, second]);
  });

  test("that a publish did not know have missed it, if the node of their page is ahead of the publisher's", () => {
    const told: string[] = [];
    const nodes = { head: () => 5, upperBound: () => 9, tellMissed: (name: string) => void told.push(name) };
    const variants = new Variants({ clock: { now: () => 0 }, lifetime: 60, areAllKnown: true, nodes });
    variants.publishing(["board"], false)!(false);
    const topic = variantTopic("board", '"de"', "variant");
    const event = { id: "", type: "Subscription", topic, subscriber: "urn:uuid:1", active: true } as const;
    variants.onSubscriptionEvent(event, true, 7);
    assert.deepEqual(told, [topic]);
  });

  // A visitor opens pages of new topics again and again, and each stays in memory as long as its token.
  test("are bounded in their memory, for all topics together", () => {
    for (const areAllKnown of [true, false]) {
      const { variants, pass, hear } = start(areAllKnown);
      const topic = (index: number) => `${"x".repeat(2000)}${index}`;
      let count = 0;
      assert.throws(
        () => {
          for (; count < 20_000; count++) {
            variants.rendered([topic(count)], "1");
            hear(variantTopic(topic(count), "1", "variant"));
          }
        },
        { code: "ERR_TOPIC", message: /live variants of all topics need more than 67108864 bytes/ },
      );
      assert.ok(count > 5000, `${count} variants`);
      variants.rendered([topic(0)], "1");
      hear(variantTopic(topic(count), "1", "variant"));
      assert.deepEqual(variants.of([topic(count)]), []);
      pass(61);
      variants.rendered([topic(count)], "1");
      assert.deepEqual(variants.of([topic(count)]), ["1"]);
    }
  });

  // A visitor who never connects fills the memory, and the pages of all others would be errors for an hour.
  test("without a stream make room for new ones, the oldest first", () => {
    const { variants, hear } = start();
    const topic = (index: number) => `${"x".repeat(2000)}${index}`;
    const of = (index: number) => variants.of([topic(index)]).length;
    for (const index of [0, 1]) variants.rendered([topic(index)], "1");
    for (const kind of ["variant", "private-variant"] as const) hear(variantTopic(topic(0), "1", kind));
    let count = 2;
    for (; of(1) === 1; count++) variants.rendered([topic(count)], "1");
    assert.deepEqual([of(0), of(2), of(count - 1)], [1, 1, 1]);
    hear(variantTopic(topic(0), "1", "variant"), true, false);
    variants.rendered([topic(count)], "1");
    assert.deepEqual([of(0), of(2)], [1, 0]);
    hear(variantTopic(topic(0), "1", "private-variant"), true, false);
    variants.rendered([topic(count + 1)], "1");
    assert.deepEqual([of(0), of(3), of(count + 1)], [0, 1, 1]);
  });

  test("of several topics are each counted once", () => {
    const { variants } = start();
    variants.rendered(["a", "b"], "1");
    variants.rendered(["b"], "2");
    assert.deepEqual(variants.of(["a", "b"]), ["1", "2"]);
    assert.deepEqual(variants.of(["c"]), []);
  });

  test("are learned from streams whose pages another process rendered, or this one before a restart", () => {
    const { variants, hear } = start();
    hear(variantTopic("board", '"de"', "variant"));
    hear(variantTopic("board", '"de"', "private-variant"));
    assert.deepEqual(variants.of(["board"]), ['"de"']);
    assert.equal(variants.isPlain(["board"]), false);
  });

  // Anybody can ask the hub for any topic; each would cost a rendering, and the last would lock out later ones.
  test("that a stranger asks for are not rendered", () => {
    const { variants, hear } = start();
    for (let i = 0; i < 2000; i++) hear(variantTopic("board", `"${i}"`, "variant"), false);
    for (const text of ["no JSON", "null", `"${"x".repeat(300)}"`]) hear(variantTopic("board", text, "variant"));
    assert.deepEqual(variants.of(["board"]), []);
    variants.rendered(["board"], '"de"');
  });

  // Variants that are built from visitors' input are unlimited.
  test("of a topic are limited in number", () => {
    const { variants, pass } = start();
    for (let i = 0; i < 1000; i++) variants.rendered(["board"], String(i));
    assert.throws(() => variants.rendered(["board"], "1000"), { code: "ERR_TOPIC" });
    variants.rendered(["board"], "7");
    pass(61);
    variants.rendered(["board"], "1000");
    assert.deepEqual(variants.of(["board"]), ["1000"]);
  });

  test("are stored for each topic name", () => {
    const { variants } = start();
    for (const pattern of ["*", "orders/{id}"]) {
      assert.throws(() => variants.rendered([pattern], "1"), { code: "ERR_TOPIC" });
    }
  });
});

describe("streams without a variant", () => {
  test("are known by their topic for the life of the process", () => {
    const { variants, pass } = start();
    assert.equal(variants.isPlain(["board"]), false);
    variants.renderedPlain(["board"]);
    pass(1_000_000);
    assert.equal(variants.isPlain(["board"]), true);
    assert.equal(variants.isPlain(["a", "board"]), true);
    assert.equal(variants.isPlain(["a"]), false);
  });

  for (const [what, tell] of [
    ["everything", ({ hear }) => hear("*", false)],
    ["a pattern", ({ hear }) => hear("/books/{id}", false)],
    ["more topics than are remembered", ({ hear }) => Array.from({ length: 10_001 }, (_, i) => hear(`t/${i}`, false))],
  ] as [string, (variants: ReturnType<typeof start>) => unknown][]) {
    test(`can be of any topic after a page streams ${what}`, () => {
      const started = start();
      tell(started);
      assert.equal(started.variants.isPlain(["anything"]), true);
    });
  }

  test("can be of any topic where the process does not see all streams", () => {
    assert.equal(start(false).variants.isPlain(["anything"]), true);
  });
});

test("a variant is short JSON", () => {
  assert.equal(variantText("de"), '"de"');
  assert.equal(variantText(["de", 1, true]), '["de",1,true]');
  for (const none of [undefined, null]) assert.equal(variantText(none), undefined);
  for (const wrong of ["x".repeat(300), () => {}, Symbol("x")]) {
    assert.throws(() => variantText(wrong), { code: "ERR_TOPIC" });
  }
});
