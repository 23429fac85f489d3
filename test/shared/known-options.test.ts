import assert from "node:assert/strict";
import { EventEmitter } from "node:events";
import { createServer } from "node:http";
import { describe, test } from "node:test";
import { runInNewContext } from "node:vm";
import express from "express";
import { Hub } from "../../src/hub/index.js";
import { mercure } from "../../src/index.js";
import { MemoryTransport } from "../../src/transport/memory/memory.js";
import { application, secret } from "../support/application.js";

class Settings {
  private = true;
}

/** Values that people pass in place of options, because in other libraries the third argument is `private`. */
const wrong: readonly [name: string, value: unknown, called: RegExp][] = [
  ["true", true, /not true:/],
  ["false", false, /not false:/],
  ["null", null, /not null:/],
  ["a number", 1, /not 1:/],
  ["a string", "private", /not "private":/],
  ["a list", ["private"], /not a list:/],
  ["a function", () => ({ private: true }), /not a function:/],
  ["a Date", new Date(), /not an object of the class Date:/],
  ["a Map", new Map([["private", true]]), /not an object of the class Map:/],
  ["an instance of a class", new Settings(), /not an object of the class Settings:/],
  ["an object that inherits its options", Object.create({ private: true }), /not an object:/],
];

describe("a function that takes options", () => {
  for (const [name, value, called] of wrong) {
    // `publish(topic, data, true)` means "private" in other libraries: it would publish to everybody.
    test(`rejects ${name} in their place, and explains the right call`, async (t) => {
      const { kit, errors } = application(t, { "components/Item.njk": "<p>{{ id }}</p>" });
      const { sse, hub, oob, html, environment } = kit;
      const options = value as never;
      const refused: (() => unknown)[] = [
        () => sse.publish("a", "secret", options),
        () => sse.publish("a", () => "secret", options),
        () => sse.remove("a", "id", options),
        () => sse.publishSignal(new EventEmitter(), "saved", options),
        () => sse.updates("a", options),
        () => sse.disconnect(options),
        () => sse.createSubscriberJwt("a", options),
        () => sse.createPublisherJwt("a", options),
        () => sse.model(class Item {}, options),
        () => sse.model(class Item {}, { publish: options }),
        () => oob(html`<p id="a">a</p>`, options),
        () => hub.updates("a", options),
        () => hub.close(options),
        () => mercure(express(), options),
        () => mercure(express(), { secret, hub: options }),
        () => new Hub(options),
        () => new MemoryTransport(options),
        () => environment.renderString("{{ mercure_scripts(options) }}", { options }),
      ];
      for (const call of refused) {
        await assert.rejects(
          async () => void (await call()),
          (error: Error) => {
            assert.match(error.message, /plain object|must be an object/, `${call}`);
            return true;
          },
          `${call}`,
        );
      }
      await assert.rejects(sse.publish("a", "secret", options), { code: "ERR_OPTION", message: called });
      await assert.rejects(sse.publish("a", "secret", options), /write \{ private: true \}/);
      assert.deepEqual(errors, []);
    });
  }

  test("accepts an object without a prototype, and one of another realm", async (t) => {
    const { kit } = application(t);
    const updates = kit.sse.updates("a");
    for (const options of [
      Object.assign(Object.create(null), { private: true }),
      runInNewContext("({private: true})"),
    ]) {
      await kit.sse.publish("a", "secret", options);
      assert.equal((await updates.next()).value?.private, true);
    }
  });

  test("rejects an argument after its options", async (t) => {
    const { kit } = application(t);
    const publish = kit.sse.publish.bind(kit.sse) as (...args: unknown[]) => Promise<unknown>;
    await assert.rejects(publish("a", "secret", {}, true), { code: "ERR_OPTION" });
  });
});

test("a class with invalid publish options is rejected when it is published", async (t) => {
  const { kit } = application(t, { "components/Item.njk": "<p>{{ id }}</p>" });
  class Item {
    static mercure = { publish: true };
    id = 7;
  }
  await assert.rejects(kit.sse.publish(new Item()), { code: "ERR_OPTION", message: /publish of the model Item/ });
});

test("sse.isConnected rejects a filter that matches everybody", async (t) => {
  const { kit } = application(t);
  for (const filter of [true, null, 1, "ada", [], new Date()]) {
    await assert.rejects(kit.sse.isConnected("a", filter as never), { code: "ERR_OPTION", message: /filter is/ });
  }
});

test("hub.stream rejects invalid options, and a private that is not a boolean", async (t) => {
  const hub = new Hub({ transport: new MemoryTransport(), subscriberKey: secret });
  t.after(() => hub.close());
  const refused: unknown[] = [];
  const server = createServer((req, res) => {
    for (const options of [true, null, [], { topics: ["a"], privat: true }, { topics: ["a"], private: "no" }]) {
      try {
        hub.stream(req, res, options as never);
      } catch (error) {
        refused.push((error as { code?: string }).code);
      }
    }
    res.end();
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  t.after(() => void server.close());
  const { port } = server.address() as { port: number };
  await (await fetch(`http://127.0.0.1:${port}/`)).text();
  assert.deepEqual(refused, Array(5).fill("ERR_OPTION"));
});

test("a component rejects a list or a promise in place of its properties", (t) => {
  const { kit } = application(t, { "components/Item.njk": "<p>{{ id }}</p>" });
  for (const props of [true, null, [1], Promise.resolve({ id: 1 })] as never[]) {
    assert.throws(() => kit.render("Item", props), { code: "ERR_COMPONENT" });
    assert.throws(() => kit.components.Item!(props), { code: "ERR_COMPONENT" });
  }
});
