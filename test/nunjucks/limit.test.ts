import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { fixture } from "./fixture.js";

describe("limit of MercureStream", () => {
  for (const [props, attributes] of [
    ["limit=50", 'data-mercure-limit="50"'],
    ['limit=50 hx_swap="beforeend swap:1s"', 'data-mercure-limit="50"'],
    ['limit=5 hx_swap="afterbegin"', 'data-mercure-limit="5" data-mercure-oldest="last"'],
  ] as const) {
    test(`${props} is for the page's script`, (t) => {
      const kit = fixture(t, { files: { "templates/page.njk": `<% MercureStream topic="a" ${props} %>` } });
      assert.ok(String(kit.render("page.njk")).includes(` ${attributes}>`));
    });
  }

  for (const [props, message] of [
    ["limit=0", /limit is 0; it must be a whole number/],
    ["limit=1.5", /limit is 1.5/],
    ['limit="many"', /limit is "many"/],
    ['limit=5 hx_swap="innerHTML"', /limit needs hx_swap/],
    ['limit=5 hx_target="#other"', /limit needs hx_swap/],
  ] as const) {
    test(`${props} is an error`, (t) => {
      const kit = fixture(t, { files: { "templates/page.njk": `<% MercureStream topic="a" ${props} %>` } });
      assert.throws(() => kit.render("page.njk"), { code: "ERR_TEMPLATE", message });
    });
  }
});
