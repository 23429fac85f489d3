import assert from "node:assert/strict";
import { describe, test } from "node:test";
import express from "express";
import nunjucks from "nunjucks";
import { application, streamUrlOf } from "../support/application.js";
import { openStream } from "../support/event-stream.js";

const image = "<img src=x onerror=alert(1)>";

const files = {
  "components/Box.njk": '<div id="{{ id }}" {{ attributes }}>{{ text }}{{ children }}</div>',
  "components/Inner.njk": "<b {{ attributes }}></b>",
  "components/Outer.njk": "<% Inner attributes=attributes %>",
};

describe("text that visitors have typed", () => {
  // Data that is an object arrives as JSON, and a stream of a page swaps it in as HTML.
  test("holds no markup in JSON data, and keeps its meaning", async (t) => {
    const { app, kit, listen } = application(t);
    app.get("/", kit.sse.stream("t"));
    const stream = await openStream(t, await listen());
    const data = { text: image, list: ["&lt;", "a > b"], "<key>": 1 };
    await kit.sse.publish("t", data);
    const received = (await stream.next())!.data;
    assert.doesNotMatch(received, /[<>&]/);
    assert.deepEqual(JSON.parse(received), data);
  });

  // A visitor whose name is an image tag joins a stream, and streams with_subscriptions swap the event in.
  test("holds no markup in the payload of a subscription event", async (t) => {
    const { app, listen } = application(
      t,
      { "templates/index.njk": '<% MercureStream topic="room" with_subscriptions %>' },
      { payloadGetter: (_topics, req) => ({ id: String(req?.query.name ?? "guest") }) },
    );
    app.get("/", (_req, res) => res.render("index"));
    const origin = await listen();
    const watching = await openStream(t, streamUrlOf(await (await fetch(origin)).text(), origin));
    assert.match((await watching.next())!.data, /"guest"/);
    const joining = await (await fetch(`${origin}/?name=${encodeURIComponent(image)}`)).text();
    await openStream(t, streamUrlOf(joining, origin));
    let { data } = (await watching.next())!;
    while (!data.includes("img")) data = (await watching.next())!.data;
    assert.doesNotMatch(data, /[<>]/);
    assert.equal(JSON.parse(data).payload.id, image);
  });

  // A library wraps a visitor's text into a String object, which does not make it HTML.
  test("is escaped in a String object from outside an environment", async (t) => {
    const { kit } = application(t, files);
    const { html, render, oob } = kit;
    const wrapped = new String(image);
    const other = new nunjucks.Environment(null, { autoescape: true }).getFilter("safe") as (text: string) => string;
    assert.equal(String(html`${wrapped}`), "&lt;img src=x onerror=alert(1)&gt;");
    assert.equal(String(html`${html`<b>${"<"}</b>`}`), "<b>&lt;</b>");
    assert.doesNotMatch(String(render("Box", { id: "a", text: wrapped })), /<img/);
    assert.doesNotMatch(String(render("Box", { id: "a", title: wrapped })), /<img/);
    assert.throws(() => oob(wrapped as unknown), { code: "ERR_TEMPLATE" });
    assert.equal(String(html`${other("<i>")}`), "<i>");
  });

  // A handler renders a component with the body of a request, whose names the visitor chooses.
  test("becomes no active attribute when a body is spread into a component", async (t) => {
    const { app, listen } = application(t, files);
    app.post("/", express.json(), (req, res) => void res.component("Box", req.body));
    const origin = await listen();
    const post = async (body: string) => {
      const answer = await fetch(origin, { method: "POST", headers: { "Content-Type": "application/json" }, body });
      return answer.text();
    };
    const names = [
      "onclick ONCLICK onclick_ on_click hx-on:click hx_on__click hx-get data-hx-get hx_vals style style_",
      "srcdoc src action formaction form_action sse-connect data-sse-swap ws-connect @click x-on:click",
      "v-html :class data-mercure-renew target ping is nonce http-equiv xlink:href background attributes",
      "on:click><script> __keywords __proto__",
    ].flatMap((line) => line.split(" "));
    for (const name of names) {
      const text = await post(
        JSON.stringify({ id: "a", text: "t" }).replace("}", `,${JSON.stringify(name)}:"alert(1)"}`),
      );
      assert.doesNotMatch(text, /<div[^>]*alert/, name);
    }
    for (const href of [
      "javascript:alert(1)",
      "JaVa\tScript:alert(1)",
      " javascript:alert(1)",
      "data:text/html,alert",
      "\u0001vbscript:alert",
    ]) {
      assert.doesNotMatch(await post(JSON.stringify({ id: "a", href })), /<div[^>]*href/, href);
    }
    for (const href of ["/a?b=c:d", "https://example.com/", "#x", "a/b:c", "mailto:a@b.c"]) {
      assert.match(await post(JSON.stringify({ id: "a", href })), /<div[^>]*href="/, href);
    }
    assert.match(await post('{"id":"a","attributes":"onload=alert(1)","text":"t"}'), /^<div id="a" >t<\/div>$/);
    assert.match(await post('{"id":"a","children":"<b>kids</b>"}'), /&lt;b&gt;kids/);
    assert.match(
      await post('{"id":"a","class_":"wide","aria_label":"x","data-n":1,"created_at":1}'),
      /class="wide" aria-label="x" data-n="1">/,
    );
  });

  test("leaves the author's own attributes in a tag unrestricted", (t) => {
    const { kit } = application(t, files);
    const html = kit.environment.renderString(
      '<% Outer onclick="go()" hx_get="/x" %><% Box id="a" style="color:red" %>',
      {},
    );
    assert.equal(html, '<b onclick="go()" hx-get="/x"></b><div id="a" style="color:red"></div>');
  });

  // A visitor has the name "x,body": htmx reads that id as a list of selectors, and empties everybody's page.
  test("cannot form a list of selectors in sse.remove, oob and hx_target", async (t) => {
    const { kit } = application(t, files);
    const { sse, oob, html } = kit;
    for (const id of ["x,body", ",body", "x,#removed", "x, body"]) {
      await assert.rejects(sse.remove("t", id), { code: "ERR_DATA" });
      assert.throws(() => oob(html`<p id="${id}">a</p>`), {
        code: "ERR_TEMPLATE",
        message: /must not contain a comma/,
      });
      assert.throws(() => oob(html`<p title=" id=a" id='${id}'>a</p>`), {
        code: "ERR_TEMPLATE",
        message: /must not contain a comma/,
      });
      assert.throws(() => oob(html`<p>a</p>`, { target: `#${id}` }), {
        code: "ERR_TEMPLATE",
        message: /must not contain a comma/,
      });
      assert.throws(() => oob(html`<p id="a">a</p>`, { swap: `outerHTML:#${id}` }), { code: "ERR_TEMPLATE" });
      const stream = `<% MercureStream topic="t" hx_target=target %>`;
      assert.throws(
        () => kit.environment.renderString(stream, { target: `#${id}` }),
        /hx_target must name one element/,
      );
    }
    await sse.remove("t", "message-7.a:b");
  });
});
