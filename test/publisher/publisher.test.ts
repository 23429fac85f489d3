import assert from "node:assert/strict";
import { describe, test } from "node:test";
import type { MercureOptions, ModelDeclaration, Update } from "../../src/index.js";
import { application } from "../support/application.js";

/** A kit, and the updates that it publishes on a topic, one by one. */
function publisher(
  t: Parameters<typeof application>[0],
  files: Record<string, string> = {},
  options: MercureOptions = {},
) {
  const { kit, errors } = application(t, files, options);
  const updates = kit.sse.updates({ match: "*", match_type: "uritemplate" });
  const next = async (): Promise<Update> => (await updates.next()).value;
  return { ...kit, next, errors };
}

class TodoItem {
  id: number | undefined;
  title: string;
  constructor(id: number | undefined, title: string) {
    this.id = id;
    this.title = title;
  }
}
const files = { "components/TodoItem.njk": '<li id="todo-{{ id }}">{{ title }}</li>' };

describe("publish", () => {
  const plain: [what: string, data: unknown, expected: string][] = [
    ["a string", "<b>hello</b>", "<b>hello</b>"],
    ["nothing", undefined, ""],
    ["null", null, "null"],
    ["a number", 0, "0"],
    ["an object", { a: [1, "x"] }, '{"a":[1,"x"]}'],
    ["an object without a component", new URL("http://a/b"), '"http://a/b"'],
    ["a date", new Date(0), '"1970-01-01T00:00:00.000Z"'],
  ];
  for (const [what, data, expected] of plain) {
    test(`sends ${what}`, async (t) => {
      const { sse, next } = publisher(t);
      const id = await sse.publish("topic", data);
      assert.deepEqual(await next(), { id, topics: ["topic"], data: expected, private: false });
    });
  }

  test("sends safe strings as HTML, alone, in a list and within JSON", async (t) => {
    const { sse, next, html } = publisher(t);
    const safe = html`<b>${"<"}</b>`;
    await sse.publish("a", safe);
    await sse.publish("a", [safe, safe]);
    await sse.publish("a", { safe });
    const sent = [await next(), await next(), await next()].map(({ data }) => data);
    assert.deepEqual(sent, [
      "<b>&lt;</b>",
      "<b>&lt;</b><b>&lt;</b>",
      '{"safe":"\\u003cb\\u003e\\u0026lt;\\u003c/b\\u003e"}',
    ]);
  });

  test("accepts options and alternate topics without repetition, and returns the id", async (t) => {
    const { sse, next } = publisher(t);
    const id = await sse.publish(["a", "b", "a"], "x", { private: true, type: "t", id: "urn:x:1", retry: 5000 });
    assert.equal(id, "urn:x:1");
    assert.deepEqual(await next(), { id, topics: ["a", "b"], data: "x", private: true, type: "t", retry: 5000 });
  });

  test("uses the topic as the type with type: true, or always with typeIsTopic", async (t) => {
    const { sse, next } = publisher(t);
    await sse.publish(["a", "b"], "x", { type: true });
    assert.equal((await next()).type, "a");
    const always = publisher(t, {}, { typeIsTopic: true });
    await always.sse.publish("a");
    await always.sse.publish("a", "x", { type: "other" });
    await always.sse.publish("a", "x", { type: false });
    assert.deepEqual(
      [await always.next(), await always.next(), await always.next()].map(({ type }) => type),
      ["a", "other", undefined],
    );
  });

  const impossible: [what: string, publish: unknown[], code: string][] = [
    ["no topic", [undefined, "x"], "ERR_TOPIC"],
    ["an empty topic", ["", "x"], "ERR_TOPIC"],
    ["an empty list of topics", [[], "x"], "ERR_TOPIC"],
    ["a plain object as topic", [{}, "x"], "ERR_TOPIC"],
    ["the topic *", ["*", "x"], "ERR_UPDATE"],
    ["a topic made from a missing value", [`user/${undefined}`, "x"], "ERR_TOPIC"],
    ["a topic made from an object", [`user/${{}}`, "x"], "ERR_TOPIC"],
    ["a promise as data", ["a", Promise.resolve("x")], "ERR_DATA"],
    ["a map as data", ["a", new Map([[1, 2]])], "ERR_DATA"],
    ["an unknown option, since it may be a misspelt private", ["a", "x", { privat: true }], "ERR_OPTION"],
    ["a class as data", ["a", class {}], "ERR_DATA"],
    [
      "a circle as data",
      [
        "a",
        (() => {
          const a: unknown[] = [];
          a.push(a);
          return a;
        })(),
      ],
      "ERR_DATA",
    ],
    ["a type with a line break", ["a", "x", { type: "a\ndata: injected" }], "ERR_UPDATE"],
    ["the type of a lost connection", ["a", "x", { type: "error" }], "ERR_UPDATE"],
    ["a topic as such a type", ["open", "x", { type: true }], "ERR_UPDATE"],
    ["an id with a line break", ["a", "x", { id: "a\rdata: injected" }], "ERR_UPDATE"],
    ["an id like the hub's own", ["a", "x", { id: "#1" }], "ERR_UPDATE"],
    ["a negative retry", ["a", "x", { retry: -1 }], "ERR_UPDATE"],
    ["a model object without an id", [new TodoItem(undefined, "x"), "x"], "ERR_MODEL"],
  ];
  for (const [what, args, code] of impossible) {
    test(`rejects ${what}`, async (t) => {
      const { sse } = publisher(t);
      await assert.rejects(sse.publish(...(args as [string])), { code });
    });
  }
});

describe("models", () => {
  test("use the name of a class, Class/id of an object, and render data by the component of its class", async (t) => {
    const { sse, next } = publisher(t, files);
    await sse.publish(TodoItem, new TodoItem(7, "<milk>"));
    await sse.publish(new TodoItem(7, "milk"));
    const [first, second] = [await next(), await next()];
    assert.deepEqual([first.topics, first.data], [["TodoItem"], '<li id="todo-7">&lt;milk&gt;</li>']);
    assert.deepEqual([second.topics, second.data], [["TodoItem/7"], '<li id="todo-7">milk</li>']);
  });

  test("are declared once: name, id, topic, component, properties and options", async (t) => {
    const { sse, next } = publisher(t, { "components/Row.njk": "{{ text }}/{{ id }}" });
    class T {
      slug = "s";
      title = "t";
    }
    sse.model(T, {
      name: "Task",
      id: "slug",
      component: "Row",
      props: ({ title }) => ({ text: title }),
      publish: { type: "task", private: true },
    });
    await sse.publish(T, new T());
    await sse.publish(new T(), new T(), { type: "other", private: undefined });
    const [first, second] = [await next(), await next()];
    assert.deepEqual([first.topics, first.data, first.type, first.private], [["Task"], "t/", "task", true]);
    assert.deepEqual([second.topics, second.type, second.private], [["Task/s"], "other", true]);
  });

  test("can declare themselves, and are inherited", async (t) => {
    class Base {
      key = 1;
      static mercure: ModelDeclaration<Base> = { id: (object) => object.key, topic: ({ key }) => `base:${key}` };
    }
    class Derived extends Base {}
    const { sse, next } = publisher(t);
    await sse.publish(new Derived(), "x");
    assert.deepEqual((await next()).topics, ["base:1"]);
  });

  test("accept objects with a text form as ids", async (t) => {
    const { sse } = publisher(t);
    class Order {
      readonly id: unknown;
      constructor(id: unknown) {
        this.id = id;
      }
    }
    class ObjectId {
      toJSON() {
        return "65f0a1b2c3d4e5f601234567";
      }
    }
    assert.deepEqual(sse.topics(new Order(new ObjectId())), ["Order/65f0a1b2c3d4e5f601234567"]);
    assert.deepEqual(sse.topics(new Order(7n)), ["Order/7"]);
    for (const id of [Number.NaN, true, {}, [], Promise.resolve(1), new Uint8Array(2), () => 1, null]) {
      assert.throws(() => sse.topics(new Order(id)), { code: "ERR_MODEL" });
    }
    assert.throws(() => sse.topics(Promise.resolve("a")), { code: "ERR_TOPIC", message: /a Promise: await it first/ });
  });

  test("report a missing declared component, and a class without a name", async (t) => {
    const { sse } = publisher(t);
    sse.model(TodoItem, {});
    await assert.rejects(sse.publish(TodoItem, new TodoItem(1, "x")), { code: "ERR_COMPONENT" });
    await assert.rejects(sse.publish(class {}, "x"), { code: "ERR_MODEL" });
  });
});

test("remove deletes an element by an out-of-band swap, whatever its id", async (t) => {
  const { sse, next } = publisher(t);
  await sse.remove("todos", 'a"><script>');
  assert.equal((await next()).data, '<div id="a&quot;&gt;&lt;script&gt;" hx-swap-oob="delete"></div>');
  for (const id of ["", "#todo-1", "a b", undefined as unknown as string]) {
    await assert.rejects(sse.remove("todos", id), { code: "ERR_DATA" });
  }
});

describe("a remote hub", () => {
  test("receives updates over HTTP, authorized for their topics, and returns their id", async (t) => {
    const options = { publisherSecretKey: "a key that both hubs share, of 32 bytes" };
    const remote = application(t, {}, { ...options, hub: { allowPublish: true } });
    const hubUrl = `${await remote.listen()}/.well-known/mercure`;
    const updates = remote.kit.sse.updates({ match: "*", match_type: "uritemplate" });
    const { sse } = publisher(t, {}, options);
    const id = await sse.publish(["a", "b"], "x\r\ny", { hubUrl, private: true, type: "t", id: "urn:x:é", retry: 10 });
    assert.equal(id, "urn:x:é");
    const { value } = await updates.next();
    assert.deepEqual({ ...value }, { id, topics: ["a", "b"], data: "x\r\ny", private: true, type: "t", retry: 10 });
  });

  test("is named by the error when it refuses or is unreachable", async (t) => {
    const remote = application(t, {}, { hub: { allowPublish: true } });
    const hubUrl = `${await remote.listen()}/.well-known/mercure`;
    const { sse } = publisher(t);
    await assert.rejects(sse.publish("a", "x", { hubUrl, jwt: "no.such.token" }), {
      code: "ERR_PUBLISH",
      message: /mercure rejected the update: 401 \(Bearer/,
    });
    await assert.rejects(sse.publish("a", "x", { hubUrl: "http://127.0.0.1:1/hub" }), {
      code: "ERR_PUBLISH",
      message: /http:\/\/127\.0\.0\.1:1\/hub cannot be reached/,
    });
  });
});

test("updates() yields the published updates, and ends with its signal, its loop or the kit", async (t) => {
  const { sse, close } = publisher(t);
  const controller = new AbortController();
  const seen: string[] = [];
  const reading = (async () => {
    for await (const { data } of sse.updates(["a", "b"], { signal: controller.signal })) {
      seen.push(data);
      if (data === "last") controller.abort();
    }
  })();
  await sse.publish("a", "1");
  await sse.publish("c", "not this");
  await sse.publish("b", "last", { private: true });
  await reading;
  assert.deepEqual(seen, ["1", "last"]);
  const ending = sse.updates("a").next();
  await close();
  assert.deepEqual(await ending, { done: true, value: undefined });
});
