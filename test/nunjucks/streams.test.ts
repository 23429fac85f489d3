import assert from "node:assert/strict";
import { createHmac } from "node:crypto";
import { describe, test } from "node:test";
import { type FixtureOptions, fixture } from "./fixture.js";

const url = (topics: string) => `/.well-known/mercure?${topics}&amp;lastEventID=%23cursor`;

describe("MercureStream", () => {
  const cases: [source: string, expected: string, options?: FixtureOptions][] = [
    [
      '<% MercureStream topic="messages" %>',
      `<div class="mercure-stream" hx-ext="sse" sse-connect="${url("topic=messages")}" sse-close="mercure:close" sse-swap="message" ` +
        'hx-swap="beforeend" hx-target="this" hx-disinherit="hx-swap hx-target" ></div>',
    ],
    [
      '<% MercureStream topic="messages" auto_scroll class="feed" aria_label="Chat" %><p>a</p><% endMercureStream %>',
      `<div class="mercure-stream feed" hx-ext="sse" sse-connect="${url("topic=messages")}" sse-close="mercure:close" sse-swap="message" ` +
        'hx-swap="beforeend" hx-target="this" hx-disinherit="hx-swap hx-target" data-auto-scroll="" tabindex="0" ' +
        'role="log" aria-label="Chat"><p>a</p></div>',
    ],
    [
      '<% MercureStream topic=["a b", "c&d"] hx_swap="innerHTML swap:200ms" type="t" tag="ul" hx_ext="morph" id="x" %>',
      `<ul class="mercure-stream" hx-ext="sse, morph" sse-connect="${url("topic=a%20b&amp;topic=c%26d")}" sse-close="mercure:close" sse-swap="t" ` +
        'hx-swap="innerHTML swap:200ms" hx-target="this" hx-disinherit="hx-swap hx-target" id="x"></ul>',
    ],
    [
      '<% MercureStream topic="a" tag="ul" auto_scroll tabindex="-1" %>',
      `<ul class="mercure-stream" hx-ext="sse" sse-connect="${url("topic=a")}" sse-close="mercure:close" sse-swap="message" hx-swap="beforeend" ` +
        'hx-target="this" hx-disinherit="hx-swap hx-target" data-auto-scroll="" aria-live="polite" ' +
        'aria-relevant="additions" tabindex="-1"></ul>',
    ],
    [
      '<% MercureStream type="t" %>',
      '<div class="mercure-stream" hx-ext="sse" sse-swap="t" hx-swap="beforeend" hx-target="this" ' +
        'hx-disinherit="hx-swap hx-target" ></div>',
    ],
    [
      '<% MercureStream type="t" hx_swap="outerHTML" hx_target="#x" hx-disinherit="hx-boost" %>',
      '<div class="mercure-stream" hx-ext="sse" sse-swap="t" hx-swap="outerHTML" hx-target="#x" ' +
        'hx-disinherit="hx-swap hx-target hx-boost" ></div>',
    ],
  ];
  for (const [source, expected, options] of cases) {
    test(source, (t) => {
      const kit = fixture(t, { ...options, files: { "templates/page.njk": source } });
      assert.equal(kit.render("page.njk"), expected);
    });
  }

  const swaps: [given: string, expected: string][] = [
    ["swap:200ms", "beforeend swap:200ms"],
    ["morph:innerHTML", "morph:innerHTML"],
    ["afterbegin settle:1s scroll:top", "afterbegin settle:1s scroll:top"],
    ["none", "none"],
    ["multi", "multi"],
  ];
  for (const [given, expected] of swaps) {
    test(`hx_swap="${given}" becomes ${expected}`, (t) => {
      const kit = fixture(t, {
        files: { "templates/page.njk": `<% MercureStream topic="a" hx_swap="${given}" %>` },
        swapStyles: ["multi"],
      });
      assert.match(kit.render("page.njk"), new RegExp(` hx-swap="${expected}" `));
    });
  }

  for (const tag of ["MercureStream", "MercureStreamContext"]) {
    test(`${tag} writes the event of sse_close, which closes the stream, to sse-close`, (t) => {
      const code = `<% ${tag} topic="a" sse_close="done" %><% end${tag} %>`;
      const html = fixture(t, { files: { "templates/page.njk": code } }).render("page.njk", {});
      assert.deepEqual(html.match(/ sse-close="[^"]*"/g), [' sse-close="done"']);
    });
  }

  test("uses its topic as its type with the option typeIsTopic", (t) => {
    const kit = fixture(t, {
      typeIsTopic: true,
      files: {
        "templates/page.njk":
          '<% MercureStream topic="a" %><% MercureStream topic=["b", "c"] %><% MercureStream topic="d" type="message" %>',
      },
    });
    const types = [...kit.render("page.njk").matchAll(/sse-swap="([^"]*)"/g)].map(([, type]) => type);
    assert.deepEqual(types, ["a", "b,c", "message"]);
  });

  test("accepts a model class, a model object and a list of them as its topic", (t) => {
    class TodoList {
      id = 7;
    }
    const kit = fixture(t, { files: { "templates/page.njk": "<% MercureStream topic=topic %>" } });
    const connects = (topic: unknown) => /sse-connect="([^"]*)"/.exec(kit.render("page.njk", { topic }))![1];
    assert.equal(connects(TodoList), url("topic=TodoList"));
    assert.equal(connects(new TodoList()), url("topic=TodoList%2F7"));
    assert.equal(connects([TodoList, "x", "x"]), url("topic=TodoList&amp;topic=x"));
  });

  test("with private carries a token that grants just its topics and expires", (t) => {
    const kit = fixture(t, { files: { "templates/page.njk": '<% MercureStream topic=["a", "b"] private %>' } });
    const token = /authorization=([^"]*)/.exec(kit.render("page.njk"))![1]!;
    const [header, payload, signature] = token.split(".") as [string, string, string];
    const claims = JSON.parse(Buffer.from(payload, "base64url").toString());
    assert.deepEqual(claims.mercure, { subscribe: ["a", "b"] });
    assert.equal(Math.ceil(claims.exp - claims.iat), 60);
    assert.equal(createHmac("sha256", "subscriber").update(`${header}.${payload}`).digest("base64url"), signature);
  });
});

describe("MercureStreamContext", () => {
  test("is one connection, and the streams in it only swap", (t) => {
    const kit = fixture(t, {
      files: {
        "templates/page.njk":
          '<% MercureStreamContext topics=["a", "b"] tag="section" class="c" %><% MercureStream type="a" %>' +
          "<% MercureStream %><% Panel %><% endMercureStreamContext %>",
        "components/Panel.njk": '<% MercureStream type="b" hx_swap="outerHTML" %>',
      },
    });
    const html = kit.render("page.njk");
    assert.match(
      html,
      /^<section class="mercure-stream-context c" hx-ext="sse" sse-connect="[^"]*topic=a&amp;topic=b&/,
    );
    assert.equal(html.match(/sse-connect/g)!.length, 1);
    assert.deepEqual(
      [...html.matchAll(/sse-swap="(\w+)"/g)].map(([, type]) => type),
      ["a", "message", "b"],
    );
    assert.equal(kit.connections.count, 1);
  });

  test("closes with its end tag, even after an error in its content", (t) => {
    const kit = fixture(t, {
      files: {
        "templates/page.njk": '<% MercureStreamContext topics=["a"] %><% endMercureStreamContext %><% MercureStream %>',
        "templates/fails.njk": '<% MercureStreamContext topics=["a"] %>{{ fail() }}<% endMercureStreamContext %>',
      },
    });
    assert.throws(() => kit.render("page.njk"), { code: "ERR_TEMPLATE" });
    assert.throws(() =>
      kit.render("fails.njk", {
        fail() {
          throw new Error("no");
        },
      }),
    );
    assert.throws(() => kit.render("page.njk"), { code: "ERR_TEMPLATE" });
  });
});

describe("globals", () => {
  test("give URLs, tokens and topics to templates without the tags", (t) => {
    const kit = fixture(t, {
      files: {
        "templates/page.njk":
          "{{ mercure_hub_url('a') }} {{ mercure_hub_url(['a', 'b'], 'jwt') }} {{ mercure_topic('a') }} " +
          "{{ mercure_authenticated_hub_url('a') }} {{ mercure_subscriber_jwt('a') }}",
      },
    });
    const [plain, withToken, topic, authentified, token] = kit.render("page.njk").split(" ") as string[];
    assert.equal(plain, "/.well-known/mercure?topic=a&lastEventID=%23cursor");
    assert.equal(withToken, "/.well-known/mercure?topic=a&topic=b&lastEventID=%23cursor&authorization=jwt");
    assert.equal(topic, "a");
    // The moment differs between tokens.
    const claims = (jwt: string) => JSON.parse(Buffer.from(jwt.split(".")[1]!, "base64url").toString());
    const [url, other] = authentified!.split("&authorization=") as [string, string];
    assert.equal(url, plain);
    for (const jwt of [token!, other]) assert.deepEqual(claims(jwt).mercure, { subscribe: ["a"] });
  });

  // The arguments are those of Flask-Mercure-SSE, by position or by name.
  test("take a token, a payload and subscription events by position and by name", (t) => {
    const claims = (jwt: string) => JSON.parse(Buffer.from(jwt.split(".")[1]!, "base64url").toString()).mercure;
    const events = "/.well-known/mercure/subscriptions/a";
    const render = (code: string) =>
      fixture(t, { files: { "templates/page.njk": code } }).render("page.njk", { person: { user_id: 1 } });
    const plain = "/.well-known/mercure?topic=a&lastEventID=%23cursor";
    const withEvents = `/.well-known/mercure?topic=a&topic=${encodeURIComponent(events)}&lastEventID=%23cursor`;
    assert.equal(render("{{ mercure_hub_url(topics='a') }}"), plain);
    assert.equal(render("{{ mercure_hub_url('a', subscriber_jwt='jwt') }}"), `${plain}&authorization=jwt`);
    assert.equal(render("{{ mercure_hub_url('a', subscriber_jwt=none) }}"), plain);
    for (const code of ["'a', with_subscriptions=true", "'a', none, true", "topics=['a'], with_subscriptions=true"]) {
      assert.equal(render(`{{ mercure_hub_url(${code}) }}`), withEvents, code);
    }
    for (const code of ["'a', payload=person, with_subscriptions=true", "'a', person, true"]) {
      const said = { subscribe: ["a", events], payload: { user_id: 1 } };
      for (const name of ["mercure_authenticated_hub_url", "mercure_authentified_hub_url"]) {
        const [url, token] = render(`{{ ${name}(${code}) }}`).split("&authorization=");
        assert.equal(url, withEvents, name);
        assert.deepEqual(claims(token!), said, name);
      }
      assert.deepEqual(claims(render(`{{ mercure_subscriber_jwt(${code}) }}`)), said);
    }
    assert.deepEqual(claims(render("{{ mercure_subscriber_jwt(topics='a') }}")), { subscribe: ["a"] });
    assert.equal(render("{{ mercure_topic(topics='a') }}"), "a");
  });

  test("name the argument that is wrong, with code, template and line", (t) => {
    const wrong: Record<string, RegExp> = {
      "mercure_hub_url('a', jwt='x')": /mercure_hub_url has no argument "jwt".*subscriber_jwt=…/,
      "mercure_hub_url('a', with_subscription=true)":
        /no argument "with_subscription".*Did you mean "?with_subscriptions/,
      "mercure_hub_url('a', topics='b')": /gets the argument "topics" twice/,
      "mercure_hub_url('a', 'x', true, 1)": /takes 3 arguments, not 4/,
      "mercure_hub_url('a', { user_id: 1 })": /subscriber_jwt of mercure_hub_url must be a token, not /,
      "mercure_hub_url('a', subscriber_jwt='')": /must be a token, not an empty string/,
      "mercure_hub_url('a', with_subscriptions='no')":
        /with_subscriptions of mercure_hub_url must be true or false, not /,
      "mercure_authenticated_hub_url('a', subscriber_jwt='x')": /no argument "subscriber_jwt".*payload=…/,
      "mercure_subscriber_jwt('a', payload=later)": /payload of mercure_subscriber_jwt is a promise/,
      "mercure_topic('a', 'b')": /mercure_topic takes 1 argument, not 2/,
      "mercure_presence('a', payload=1)": /mercure_presence has no argument "payload"/,
    };
    for (const [code, message] of Object.entries(wrong)) {
      const kit = fixture(t, { files: { "templates/page.njk": `first\n{{ ${code} }}` } });
      const error = { code: "ERR_TEMPLATE", message: new RegExp(`page\\.njk\\).*Line 2.*${message.source}`, "s") };
      assert.throws(() => kit.render("page.njk", { later: Promise.resolve(1) }), error, code);
    }
  });

  test("keep a topic from breaking out of an attribute or a script's string", (t) => {
    const kit = fixture(t, { files: { "templates/page.njk": "{{ mercure_hub_url(topic) }}" } });
    const html = kit.render("page.njk", { topic: `"'><script>alert(1)</script>&x=\\\`` });
    assert.match(html, /^[\w/.?&=%-]+$/);
  });

  test("replay the page's streams from the beginning of its request", (t) => {
    const kit = fixture(t, {
      files: {
        "templates/page.njk": "<% from 'm.njk' import m %>{{ m() }}<% Panel %>",
        "templates/m.njk": "<% macro m() %><% MercureStream topic='a' %><% endmacro %>",
        "components/Panel.njk": "<% MercureStream topic='b' %>",
      },
    });
    const page = {
      lastEventId: "#began",
      beganAt: 0,
      unboundBefore: 0,
      isOver: false,
      basePath: "/app",
      origin: "http://localhost",
      url: "/",
      connections: 0,
      hasScripts: false,
      headBytes: () => undefined,
      onToken: () => {},
      keepOutOfCaches: () => {},
      onStream: () => {},
      keepToken: () => {},
    };
    const html = kit.pages.within(page, () => kit.render("page.njk"));
    const urls = [...html.matchAll(/sse-connect="([^"]*)"/g)].map(([, each]) => each);
    assert.deepEqual(
      urls,
      ["a", "b"].map((topic) => `/app/.well-known/mercure?topic=${topic}&amp;lastEventID=%23began`),
    );
  });
});
