import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { fixture } from "./fixture.js";

const connection =
  'hx-sse:connect="/.well-known/mercure?topic=a" hx-sse:close="mercure:close" ' +
  'hx-config="sse.pauseOnBackground:false" data-mercure-position="#cursor"';

describe("the tags on a page with htmx 4", () => {
  for (const [name, source, expected] of [
    [
      "write the markup of hx-sse, with the position in an attribute of its own",
      '<% MercureStream topic="a" hx_ext="morph" hx_disinherit="*" id="x" %><p>a</p><% endMercureStream %>',
      `<div class="mercure-stream" ${connection} data-mercure-type="message" hx-swap="beforeend" hx-target="this" id="x"><p>a</p></div>`,
    ],
    [
      "give a context no content of its own, and the types to the streams in it",
      '<% MercureStreamContext topics="a" %><% MercureStream type=["t", "u"] %><% endMercureStreamContext %>',
      `<div class="mercure-stream-context" ${connection} data-mercure-type="" hx-swap="none" >` +
        '<div class="mercure-stream" data-mercure-type="t,u" hx-swap="beforeend" hx-target="this" ></div></div>',
    ],
  ] as const) {
    test(name, (t) => {
      const kit = fixture(t, { line: 4, files: { "templates/page.njk": source } });
      assert.equal(kit.render("page.njk").trim(), expected);
    });
  }

  test("write a presence that no message replaces", (t) => {
    const source = '<% MercurePresence topic="a" hx_get="/who" %>';
    const kit = fixture(t, { line: 4, files: { "templates/page.njk": source } });
    const html = kit.render("page.njk");
    assert.match(html, /hx-sse:connect="[^"]+" [^>]*data-mercure-type="" hx-get="\/who" hx-trigger="sse:/);
    assert.doesNotMatch(html, /lastEventID|hx-ext|disinherit/);
  });

  test("write the names of swap styles in htmx 4 for those of htmx 2", (t) => {
    const styles = {
      morph: "outerMorph",
      "morph:innerHTML": "innerMorph",
      "innerHTML focus-scroll:true": "innerHTML focusScroll:true",
      prepend: "prepend",
    };
    for (const [style, expected] of Object.entries(styles)) {
      const source = `<% MercureStream type="t" hx_swap="${style}" %>`;
      const kit = fixture(t, { line: 4, files: { "templates/page.njk": source } });
      assert.match(kit.render("page.njk"), new RegExp(`hx-swap="${expected}"`));
    }
  });

  test("refuse a style that removes the connection", (t) => {
    for (const style of ["outerMorph", "outerSync", "morph", "outerHTML"]) {
      const source = `<% MercureStream topic="a" hx_swap="${style}" %>`;
      const kit = fixture(t, { line: 4, files: { "templates/page.njk": source } });
      assert.throws(() => kit.render("page.njk"), /would remove the stream/);
    }
  });

  test("know no style of htmx 4 on a page with htmx 2", (t) => {
    const kit = fixture(t, { files: { "templates/page.njk": '<% MercureStream type="t" hx_swap="innerMorph" %>' } });
    assert.throws(() => kit.render("page.njk"), /not a swap style/);
  });
});
