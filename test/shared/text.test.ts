import assert from "node:assert/strict";
import { describe, type TestContext, test } from "node:test";
import { application } from "../support/application.js";

/** A value as a database driver returns it: it has a text form and a JSON form. */
class ObjectId {
  readonly #hex = "65f0a1b2c3d4e5f601234567";
  toString() {
    return this.#hex;
  }
  toJSON() {
    return this.#hex;
  }
}

class Decimal128 {
  readonly bytes = [1, 50];
  toString() {
    return "1.50";
  }
  toJSON() {
    return { $numberDecimal: "1.50" };
  }
}

class Money {
  readonly #cents = 150;
  toString() {
    return `${this.#cents / 100} €`;
  }
}

class NotANumber {
  toJSON() {
    return "NaN";
  }
}

class Sealed {
  readonly #name = "Ada";
  get name() {
    return this.#name;
  }
}

class Query {
  // biome-ignore lint/suspicious/noThenProperty: as the query builders of databases have it
  then(resolve: (rows: string[]) => void) {
    resolve(["row"]);
  }
}

function* generated() {
  yield "a";
}

async function* streamed() {
  yield "a";
}

function kitOf(t: TestContext) {
  const { kit } = application(t, {
    "components/Item.njk": "<li {{ attributes }}>{{ title }}</li>",
    "components/Using.njk": "<li><% if title %>used<% endif %></li>",
  });
  const updates = kit.sse.updates("t");
  const published = async (data: unknown) => {
    const update = updates.next();
    await kit.sse.publish("t", data);
    return (await update).value?.data;
  };
  return { ...kit, published };
}

describe("the text of values", () => {
  const texts: [what: string, value: unknown, text: string, json: string][] = [
    ["a string", "a&b", "a&b", "a&b"],
    ["a number", 0, "0", "0"],
    ["true", true, "true", "true"],
    ["an integer of any size", 2n ** 64n, "18446744073709551616", '"18446744073709551616"'],
    ["a date", new Date(0), "1970-01-01T00:00:00.000Z", '"1970-01-01T00:00:00.000Z"'],
    ["a URL", new URL("http://a/b"), "http://a/b", '"http://a/b"'],
    ["query parameters", new URLSearchParams({ a: "1" }), "a=1", '"a=1"'],
    ["an ObjectId", new ObjectId(), "65f0a1b2c3d4e5f601234567", '"65f0a1b2c3d4e5f601234567"'],
    ["a decimal", new Decimal128(), "1.50", '{"$numberDecimal":"1.50"}'],
    ["an object with a text form alone", new Money(), "1.5 €", '"1.5 €"'],
  ];
  for (const [what, value, text, json] of texts) {
    test(`${what} has one text in html, in attributes and as published data`, async (t) => {
      const { html, render, published } = kitOf(t);
      const escaped = text.replace("&", "&amp;");
      assert.equal(String(html`<p>${value}</p>`), `<p>${escaped}</p>`);
      if (value !== true) assert.equal(String(render("Item", { data_x: value })), `<li data-x="${escaped}"></li>`);
      assert.equal(await published(value), json);
      const inJson = typeof value === "string" ? JSON.stringify(value) : json;
      assert.deepEqual(JSON.parse(await published({ a: [value] })), JSON.parse(`{"a":[${inJson}]}`));
    });
  }

  /** Where `true` is given, a template can use the value, though it has no text. */
  const hollow: [what: string, value: () => unknown, complaint: RegExp, isUsable?: true][] = [
    ["a promise", () => Promise.resolve("x"), /a Promise: await it first/],
    ["a query that has not been sent", () => new Query(), /class Query, which is a promise: await it first/],
    ["NaN", () => Number.NaN, /NaN: a number computed from a missing value/],
    ["Infinity", () => 1 / 0, /Infinity/],
    ["a symbol", () => Symbol("x"), /a symbol/],
    ["an invalid date", () => new Date("x"), /an invalid date/],
    ["a Buffer", () => Buffer.from("<p>"), /a Buffer: decode it first/],
    ["bytes", () => new Uint8Array(2), /a Uint8Array/],
    ["a buffer of bytes", () => new ArrayBuffer(2), /an? ArrayBuffer/],
    ["a Blob", () => new Blob(["x"]), /a Blob/],
    ["a function", () => ({ nested: () => "x" }).nested, /a function: call it/, true],
    ["a class", () => ObjectId, /a class: use an object of it/, true],
    ["a Map", () => new Map([[1, 2]]), /a Map: use Object.fromEntries/, true],
    ["a Set", () => new Set([1]), /a Set: use \[\.\.\.set\]/, true],
    ["an error", () => new Error("password"), /an Error: use only what readers can see/, true],
    ["an iterator", () => generated(), /an iterator: use a list/, true],
    ["an asynchronous iterator", () => streamed(), /an asynchronous iterator/, true],
    ["an object whose fields are private", () => new Sealed(), /class Sealed/, true],
    ["a decimal that is not a number", () => new NotANumber(), /class NotANumber that is NaN/, true],
  ];
  for (const [what, make, complaint, isUsable = false] of hollow) {
    test(`${what} is rejected in html, lists, attributes and data${isUsable ? "" : ", and as a property"}`, async (t) => {
      const { sse, html, render } = kitOf(t);
      const refused = { code: "ERR_TEMPLATE", message: complaint };
      assert.throws(() => html`<p>${make()}</p>`, refused);
      assert.throws(() => html`<p>${[html`<b></b>`, [make()]]}</p>`, refused);
      assert.throws(() => String(render("Item", { data_x: make() })), refused);
      for (const props of [{ title: make() }, { title: [make()] }, { title: { name: make() } }]) {
        if (isUsable) assert.equal(String(render("Using", props)), "<li>used</li>");
        else assert.throws(() => render("Item", props), refused);
      }
      if (typeof make() !== "function") {
        const decimal = what.startsWith("a decimal");
        if (!decimal) await assert.rejects(sse.publish("t", make()), { code: "ERR_DATA", message: complaint });
      }
      if (!what.startsWith("a decimal")) {
        await assert.rejects(sse.publish("t", { user: make() }), {
          code: "ERR_DATA",
          message: /"user" in the data is /,
        });
        await assert.rejects(sse.publish("t", { a: [{ b: make() }] }), { code: "ERR_DATA", message: complaint });
      }
      await assert.rejects(sse.publish("t", [html`<b></b>`, make()]), { code: "ERR_DATA", message: complaint });
    });
  }

  test("a plain object has no text in html, and is JSON in attributes and as data", async (t) => {
    const { html, render, published } = kitOf(t);
    assert.throws(() => html`<p>${{ a: 1 }}</p>`, { code: "ERR_TEMPLATE", message: /a plain object: print one of/ });
    assert.equal(String(render("Item", { data_vals: { a: 1 } })), '<li data-vals="{&quot;a&quot;:1}"></li>');
    assert.equal(await published({ a: 1 }), '{"a":1}');
  });

  test("a list that holds HTML, or nothing to show, is HTML", async (t) => {
    const { html, render, published } = kitOf(t);
    const item = render("Item", { title: "a" });
    for (const [list, expected] of [
      [[], ""],
      [[false], ""],
      [[undefined, null, []], ""],
      [[item, false], "<li >a</li>"],
      [[undefined, item, null], "<li >a</li>"],
      [[item, "<", 5, [item]], "<li >a</li>&lt;5<li >a</li>"],
      [[[item], []], "<li >a</li>"],
      [[html``], ""],
    ] as const) {
      assert.equal(await published(list), expected);
    }
    assert.equal(await published([0, false]), "[0,false]");
    assert.equal(await published(["a"]), '["a"]');
  });

  test("a printed value without text is an error, in components and in pages", (t) => {
    const { kit } = application(t, {
      "components/Item.njk": "<li>{{ title }}</li>",
      "templates/page.njk": "{{ title }}",
    });
    const [seven, makeTitle] = [7, () => "title"];
    const hollow: [value: unknown, complaint: RegExp][] = [
      [{ a: 1 }, /a plain object: print one of its fields/],
      // A visitor's JSON: printing it would end in a TypeError.
      [{ toString: "x" }, /a plain object/],
      [Object.create(null), /a plain object/],
      [new Map([[1, 2]]), /a Map: use Object\.fromEntries/],
      [new Set([1]), /a Set/],
      [makeTitle, /a function: call it/],
      [["a", { b: 1 }], /a plain object/],
      [new Sealed(), /class Sealed/],
    ];
    for (const [title, complaint] of hollow) {
      const refused = { code: "ERR_TEMPLATE", message: complaint };
      assert.throws(() => kit.render("Item", { title }), refused);
      assert.throws(() => kit.environment.render("page.njk", { title }), complaint);
    }
    const circle: unknown[] = [seven];
    circle.push(circle);
    for (const title of ["a", seven, null, undefined, new Error("e"), new Date(0), ["a", seven], new Money(), circle]) {
      assert.doesNotThrow(() => kit.render("Item", { title }));
    }
  });

  test("a promise in a tag is an error with its place", (t) => {
    const { kit } = application(t, { "components/Item.njk": "<li>{{ title }}</li>" });
    const source = "line 1\n<% Item title=later %>";
    assert.throws(
      () => kit.environment.renderString(source, { later: Promise.resolve("x") }),
      (error: Error) => {
        assert.match(
          error.message,
          /The property "title" of the component "Item" is a Promise: await it first\..*line 2, column 4/s,
        );
        return true;
      },
    );
  });

  test("a model's unused relations can be promises", (t) => {
    const { kit } = application(t, { "components/Order.njk": "<li>{{ title }}</li>" });
    class Order {
      id = 1;
      title = "tea";
      customer = Promise.resolve("Ada");
    }
    assert.equal(String(kit.render("Order", new Order())), "<li>tea</li>");
  });

  test("a circle is rejected", async (t) => {
    const { kit } = application(t);
    const circle: unknown[] = [];
    circle.push(circle);
    await assert.rejects(kit.sse.publish("t", circle), { code: "ERR_DATA", message: /JSON cannot represent/ });
  });
});
