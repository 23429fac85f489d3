import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { fixture } from "./fixture.js";

const events = "/.well-known/mercure/subscriptions";

/** The topics of a page's stream, and the grants of its token. */
function connectionOf(html: string) {
  const [, url = assert.fail(html)] = /sse-connect="([^"]+)"/.exec(html) ?? [];
  const query = new URL(url.replaceAll("&amp;", "&"), "http://x").searchParams;
  const token = query.get("authorization");
  const claims = token && JSON.parse(Buffer.from(token.split(".")[1]!, "base64url").toString());
  return { topics: query.getAll("topic"), granted: claims?.mercure.subscribe as string[] | undefined };
}

describe("with_subscriptions", () => {
  const watched = [`${events}/a`, `${events}/b%2F1%20%C3%A9%7D`];
  const topics = ["a", "b/1 é}"];
  for (const tag of ["MercureStream topic", "MercureStreamContext topics"]) {
    for (const [props, expected] of [
      ["", { topics, granted: undefined }],
      ["with_subscriptions", { topics: [...topics, ...watched], granted: watched }],
      ["with_subscriptions=false private", { topics, granted: topics }],
      ["with_subscriptions private", { topics: [...topics, ...watched], granted: [...topics, ...watched] }],
    ] as const) {
      test(`<% ${tag}=["a", "b/1 é}"] ${props} %>`, (t) => {
        const source = `<% ${tag}=["a", "b/1 é}"] ${props} %><% end${tag.split(" ")[0]} %>`;
        const kit = fixture(t, { files: { "templates/page.njk": source } });
        assert.deepEqual(connectionOf(kit.render("page.njk")), expected);
      });
    }
  }

  test("belongs to the tag that has the topic", (t) => {
    const source =
      '<% MercureStreamContext topic="a" %><% MercureStream with_subscriptions %><% endMercureStreamContext %>';
    const kit = fixture(t, { files: { "templates/page.njk": source } });
    assert.throws(() => kit.render("page.njk"), /with_subscriptions needs a topic/);
  });
});

describe("MercurePresence", () => {
  test("receives the events of its topics' subscriptions alone", (t) => {
    const source = '<% MercurePresence topic=["a", "b"] hx_get="/who" %>';
    const kit = fixture(t, { files: { "templates/page.njk": source } });
    const both = [`${events}/a`, `${events}/b`];
    assert.deepEqual(connectionOf(kit.render("page.njk")), { topics: both, granted: both });
    assert.equal(kit.connections.count, 1);
  });

  test("turns other properties into attributes", (t) => {
    const source =
      '<% MercurePresence topic="a" hx_get="/who?a=1&b=2" hx_trigger="load" tag="ul" class="who" id="x" ' +
      'aria_live="polite" %><li>Ada<% endMercurePresence %>';
    const kit = fixture(t, { files: { "templates/page.njk": source } });
    assert.equal(
      kit.render("page.njk").replace(/sse-connect="[^"]+"/, "…"),
      '<ul class="mercure-presence who" hx-ext="sse" … sse-close="mercure:close" hx-get="/who?a=1&amp;b=2" ' +
        'hx-trigger="sse:message delay:100ms, sse:mercure delay:100ms, load" hx-swap="innerHTML" hx-target="this" ' +
        'hx-disinherit="hx-swap hx-target" id="x" aria-live="polite"><li>Ada</ul>',
    );
  });

  for (const [props, message] of [
    ['topic="a"', /MercurePresence needs hx_get/],
    ['hx_get="/who"', /MercurePresence needs a topic/],
    ['topic=missing hx_get="/who"', /topic is undefined/],
    ['topic="a" hx_get="/who" tag="img"', /not an element that can contain/],
  ] as const) {
    test(`<% MercurePresence ${props} %> reports the mistake`, (t) => {
      const kit = fixture(t, { files: { "templates/page.njk": `<% MercurePresence ${props} %>` } });
      assert.throws(() => kit.render("page.njk"), message);
    });
  }
});

test("mercure_subscription_topic returns the topics of subscription events", (t) => {
  const source = "{{ mercure_subscription_topic('a/b') }} {{ mercure_subscription_topic(['a', 'b']) | join(' ') }}";
  const kit = fixture(t, { files: { "templates/page.njk": source } });
  assert.equal(kit.render("page.njk"), `${events}/a%2Fb ${events}/a ${events}/b`);
});
