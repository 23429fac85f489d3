import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { HtmlMaker } from "../../src/nunjucks/html.js";
import { fixture } from "./fixture.js";

describe("html`…`", () => {
  test("escapes interpolated values, keeps safe strings, joins lists, and is safe in templates", (t) => {
    const kit = fixture(t, {
      files: { "components/B.njk": "<b>{{ x }}</b>", "templates/page.njk": "{{ it }}" },
    });
    const { html } = new HtmlMaker(kit.components.makeSafe);
    const b = kit.components.render("B", { x: "<" });
    const made = html`<p title="${'"<'}">${b}${[b, "&"]}${null}${undefined}${false}${0}</p>`;
    assert.equal(String(made), '<p title="&quot;&lt;"><b>&lt;</b><b>&lt;</b>&amp;0</p>');
    assert.equal(kit.render("page.njk", { it: made }), String(made));
  });
});

describe("oob()", () => {
  const cases: [what: string, html: string, options: object | undefined, expected: string | RegExp][] = [
    ["by the element's id", '<p id="a">x</p>', undefined, '<p hx-swap-oob="outerHTML" id="a">x</p>'],
    ["deleting", '<p id="a"/>', { swap: "delete" }, '<p hx-swap-oob="delete" id="a"/>'],
    ["replacing a target", "<p>x</p>", { target: "#b" }, '<p hx-swap-oob="outerHTML:#b">x</p>'],
    [
      "appending to a target",
      "<li>x</li>",
      { swap: "beforeend", target: "#list" },
      '<div hx-swap-oob="beforeend:#list"><li>x</li></div>',
    ],
    [
      "appending a row",
      "<tr><td>x</td></tr>",
      { swap: "beforeend", target: "#rows" },
      '<tbody hx-swap-oob="beforeend:#rows"><tr><td>x</td></tr></tbody>',
    ],
    [
      "with a selector in quotes",
      "<p>x</p>",
      { target: '[data-x="1"]' },
      '<p hx-swap-oob="outerHTML:[data-x=&quot;1&quot;]">x</p>',
    ],
    ["without an id or a target", "<p>x</p>", undefined, /needs a target, or an id/],
    ["of text", "x", undefined, /starts with an element/],
  ];
  for (const [what, source, options, expected] of cases) {
    test(what, (t) => {
      const { makeSafe } = fixture(t).components;
      const { oob } = new HtmlMaker(makeSafe);
      if (expected instanceof RegExp) assert.throws(() => oob(makeSafe(source), options), expected);
      else assert.equal(String(oob(makeSafe(source), options)), expected);
    });
  }

  test("escapes a plain string", (t) => {
    const { oob } = new HtmlMaker(fixture(t).components.makeSafe);
    assert.throws(() => oob('<p id="a">x</p>'), /starts with an element/);
  });
});
