import assert from "node:assert/strict";
import { describe, type TestContext, test } from "node:test";
import type { HubOptions } from "../../src/hub/index.js";
import { draft, type RunningHub, resource, startHub, subscribe, token } from "./fixture.js";

type Pairs = readonly (readonly [string, string])[];

function urlOf({ origin, hub }: RunningHub, parameters: Pairs): string {
  return `${origin}${hub.path}?${new URLSearchParams(parameters.map(([name, value]): [string, string] => [name, value]))}`;
}

/** The subset of these topics that a subscriber receives. */
async function received(
  t: TestContext,
  parameters: Pairs,
  topics: readonly string[],
  options: Partial<Omit<HubOptions, "transport">> = {},
): Promise<string[]> {
  const running = await startHub(t, options);
  const [[name]] = parameters as [readonly [string, string]];
  const end = [name === "topic" ? "topic" : "match", "end"] as const;
  const subscriber = await subscribe(t, urlOf(running, [...parameters, end]));
  assert.equal(subscriber.status, 200);
  for (const topic of [...topics, "end"]) await running.hub.publish(draft(topic, topic));
  await subscriber.until(({ data }) => data.at(-1) === "end");
  return subscriber.data.slice(0, -1);
}

async function refusal(url: string, status = 400): Promise<string> {
  const answer = await fetch(url);
  assert.equal(answer.status, status, url);
  assert.equal(answer.headers.get("content-type"), "application/problem+json");
  return ((await answer.json()) as { detail: string }).detail;
}

describe("topic selectors of Mercure 0.x", () => {
  test("match every expansion of a URI template", async (t) => {
    const topics = ["/books/1", "/books/2/pages", "/books/{id}", "/books/3?x"];
    assert.deepEqual(await received(t, [["topic", "/books/{id}"]], topics), ["/books/1", "/books/{id}"]);
  });

  test("admit private updates by a token's URI template", async (t) => {
    const { hub, url } = await startHub(t);
    const authorization = await token({ subscribe: ["/users/42/{+any}"] });
    const subscriber = await subscribe(t, url("*", { authorization }));
    for (const user of ["43", "42"]) await hub.publish(draft(`/users/${user}/a`, user, { private: true }));
    await hub.publish(draft("end", "end"));
    await subscriber.until(({ data }) => data.at(-1) === "end");
    assert.deepEqual(subscriber.data, ["42", "end"]);
  });

  test("replay by a template as they match live", async (t) => {
    const running = await startHub(t);
    const since = running.hub.lastEventId;
    for (const topic of ["/a/1", "/b/1", "/a/2"]) await running.hub.publish(draft(topic, topic));
    const subscriber = await subscribe(t, running.url("/a/{id}", { lastEventID: since }));
    await running.hub.publish(draft("/a/3", "/a/3"));
    await subscriber.until(({ data }) => data.length === 3);
    assert.deepEqual(subscriber.data, ["/a/1", "/a/2", "/a/3"]);
  });
});

describe("topic matchers of Mercure 1.0", () => {
  test("compare match and match_exact byte by byte, without resolving", async (t) => {
    const topics = ["/a/1", "/a/{id}", "/a/:id", "https://hub.example/a/:id"];
    const options = { resource: "https://hub.example/.well-known/mercure" };
    assert.deepEqual(await received(t, [["match", "/a/:id"]], topics, options), ["/a/:id"]);
    assert.deepEqual(await received(t, [["match_exact", "/a/{id}"]], topics, options), ["/a/{id}"]);
  });

  test("resolve relative patterns and topics of match_urlpattern against the hub's URL", async (t) => {
    const topics = [
      "/books/1",
      "https://hub.example/books/2",
      "https://other.example/books/3",
      "/books/4/5",
      "http://[",
    ];
    const options = { resource: "https://hub.example/.well-known/mercure" };
    const matching = ["/books/1", "https://hub.example/books/2"];
    assert.deepEqual(await received(t, [["match_urlpattern", "/books/:id"]], topics, options), matching);
    const absolute = [["match_urlpattern", "https://hub.example/books/:id"]] as const;
    assert.deepEqual(await received(t, absolute, topics, options), matching);
  });

  test("distinguish case and Unicode normalization in an exact match", async (t) => {
    const topics = ["caf\u00e9", "cafe\u0301", "CAF\u00c9", "caf%C3%A9"];
    assert.deepEqual(await received(t, [["match", "caf\u00e9"]], topics), ["caf\u00e9"]);
  });

  test("distinguish case in a URL pattern, except in the host", async (t) => {
    const options = { resource };
    const topics = ["https://EXAMPLE.com/Books/1", "https://example.com/books/2", "https://example.com/Books/3"];
    const matching = await received(t, [["match_urlpattern", "https://example.COM/Books/:id"]], topics, options);
    assert.deepEqual(matching, ["https://EXAMPLE.com/Books/1", "https://example.com/Books/3"]);
  });

  test("parse the query as a form", async (t) => {
    const running = await startHub(t);
    const subscriber = await subscribe(
      t,
      `${running.origin}${running.hub.path}?match=a+b;c%3Dd%2B%&other&x=%26match%3Dy`,
    );
    await running.hub.publish(draft("y", "no"));
    await running.hub.publish(draft("a b;c=d+%", "yes"));
    await subscriber.until(({ data }) => data.length > 0);
    assert.deepEqual(subscriber.data, ["yes"]);
    await refusal(`${running.origin}${running.hub.path}?match`);
  });

  // Invisible characters make two topics look the same.
  test("reject control and format characters, whatever the type", async (t) => {
    const running = await startHub(t);
    for (const character of ["\u0000", "\u001f", "\u007f", "\u0080", "\u009f", "\u200d", "\u202e", "\ufeff"]) {
      for (const name of ["match", "match_exact", "match_urlpattern"]) {
        await refusal(urlOf(running, [[name, `/a${character}b`]]));
      }
    }
  });

  test("match every topic with *, whatever the type", async (t) => {
    const topics = ["a", "http://[", "/b"];
    for (const name of ["match", "match_exact", "match_urlpattern"]) {
      assert.deepEqual(await received(t, [[name, "*"]], topics), topics);
    }
  });

  test("form a union, and each update comes once", async (t) => {
    const parameters = [
      ["match", "/a/1"],
      ["match_urlpattern", "/a/:id"],
      ["match_urlpattern", "/a/*"],
    ] as const;
    assert.deepEqual(await received(t, parameters, ["/a/1", "/a/2/3", "/b"]), ["/a/1", "/a/2/3"]);
  });

  // A misspelt type that is ignored would look like a topic without updates.
  test("reject every other name that begins with match, in any case", async (t) => {
    const running = await startHub(t);
    for (const name of ["Match", "MATCH_EXACT", "match_regexp", "match_", "matchers", "match_URLPattern", "match[]"]) {
      const detail = await refusal(
        urlOf(running, [
          ["match", "a"],
          [name, "b"],
        ]),
      );
      assert.match(detail, /match_urlpattern/);
    }
  });

  test("reject an invalid URL pattern by name", async (t) => {
    const running = await startHub(t);
    assert.match(await refusal(urlOf(running, [["match_urlpattern", "/(a"]])), /\/\(a/);
    for (const value of ["", "a\u200db", "a\nb"]) await refusal(urlOf(running, [["match", value]]));
    await refusal(`${running.origin}${running.hub.path}?match=%ff`);
  });

  // Patterns that backtrack, explode on compilation, or come in large numbers: one request would stall all streams.
  test("reject pathological patterns, or evaluate them in bounded time", async (t) => {
    const running = await startHub(t);
    for (const pattern of [
      "/((?=a)b)",
      "/(a{1000})",
      "/((?:(?:a{32}){32}))",
      `/${"(".repeat(1000)}`,
      "a".repeat(2049),
    ]) {
      await refusal(urlOf(running, [["match_urlpattern", pattern]]));
    }
    for (const template of ["{x:9999}", "{?a,b,c,d,e,f,g}".repeat(20)]) await refusal(running.url(template));
    await refusal(
      urlOf(
        running,
        Array.from({ length: 201 }, (_, index) => ["match", `${index}`] as const),
      ),
    );
    const large = Array.from({ length: 20 }, (_, index) => ["match_urlpattern", `/${index}((?:a|b){300})`] as const);
    assert.match(await refusal(urlOf(running, large)), /too large in total/);

    const subscriber = await subscribe(
      t,
      urlOf(running, [
        ["match_urlpattern", "/((?:a+)+)b"],
        ["match", "end"],
      ]),
    );
    await running.hub.publish(draft(`/${"a".repeat(4000)}c`, "no"));
    await running.hub.publish(draft(`/${"a".repeat(4000)}b`, "yes"));
    await running.hub.publish(draft("end", "end"));
    await subscriber.until(({ data }) => data.at(-1) === "end");
    assert.deepEqual(subscriber.data, ["yes", "end"]);
  });

  test("take the cursor from last_event_id, the header first, and name the preceding event in the answer", async (t) => {
    const running = await startHub(t);
    const start = running.hub.lastEventId;
    const { id } = await running.hub.publish(draft("a", "1"));
    await running.hub.publish(draft("a", "2"));
    const url = urlOf(running, [
      ["match", "a"],
      ["last_event_id", start],
    ]);
    const byParameter = await subscribe(t, url);
    await byParameter.until(({ data }) => data.length === 2);
    assert.equal(byParameter.headers["mercure-last-event-id"], start);
    assert.equal(byParameter.headers["last-event-id"], undefined);
    const byHeader = await subscribe(t, url, { "Last-Event-ID": id });
    await byHeader.until(({ data }) => data.length === 1);
    assert.equal(byHeader.headers["mercure-last-event-id"], id);
    const all = await subscribe(
      t,
      urlOf(running, [
        ["match", "a"],
        ["last_event_id", "earliest"],
      ]),
    );
    await all.until(({ data }) => data.length === 2);
    assert.equal(all.headers["mercure-last-event-id"], "earliest");
  });
});

test("limit the total size of patterns by an option", async (t) => {
  const patterns = [0, 1].map((index) => ["match_urlpattern", `/${index}/:id`] as const);
  const status = async (maxPatternSize: number, asked: readonly (readonly [string, string])[]) => {
    const running = await startHub(t, { maxPatternSize });
    return (await subscribe(t, urlOf(running, asked))).status;
  };
  assert.equal(await status(100, patterns), 200);
  assert.equal(await status(1, patterns), 400);
  assert.equal(await status(0, [["match", "/a"]]), 200);
});

describe("the method QUERY", () => {
  const form = { "Content-Type": "application/x-www-form-urlencoded" };

  test("takes the union of query and body, and the cursor of the query", async (t) => {
    const running = await startHub(t);
    const start = running.hub.lastEventId;
    const { id } = await running.hub.publish(draft("/a", "1"));
    await running.hub.publish(draft("/b/1", "2"));
    const url = urlOf(running, [
      ["match", "/a"],
      ["last_event_id", start],
    ]);
    const body = `${new URLSearchParams([
      ["match_urlpattern", "/b/:id"],
      ["last_event_id", id],
    ])}`;
    const subscriber = await subscribe(t, url, form, "QUERY", body);
    await running.hub.publish(draft("/b/2", "3"));
    await subscriber.until(({ data }) => data.length === 3);
    assert.deepEqual(subscriber.data, ["1", "2", "3"]);
    assert.equal(subscriber.headers["mercure-last-event-id"], start);
    const bodyOnly = await subscribe(t, `${running.origin}${running.hub.path}`, form, "QUERY", body);
    await bodyOnly.until(({ data }) => data.length === 2);
  });

  test("holds the body to the rules of the query", async (t) => {
    const running = await startHub(t);
    const url = `${running.origin}${running.hub.path}`;
    const status = async (body: string, headers: Record<string, string> = form) =>
      (await subscribe(t, url, headers, "QUERY", body)).status;
    assert.equal(await status("match_regexp=a"), 400);
    assert.equal(await status("match=%ff"), 400);
    assert.equal(await status(""), 400);
    assert.equal(await status("{}", { "Content-Type": "application/json" }), 415);
    assert.equal(await status(`match=${"a".repeat(300_000)}`), 413);
    assert.equal(await status("topic=/a/{id}"), 200);
  });

  test("limits the body by an option", async (t) => {
    const running = await startHub(t, { maxQueryBytes: 8 });
    const url = `${running.origin}${running.hub.path}`;
    assert.equal((await subscribe(t, url, form, "QUERY", "match=ab")).status, 200);
    assert.equal((await subscribe(t, url, form, "QUERY", "match=abc")).status, 413);
  });
});

describe("the two versions", () => {
  test("are rejected in one request, with an explanation", async (t) => {
    const running = await startHub(t);
    assert.match(
      await refusal(
        urlOf(running, [
          ["topic", "a"],
          ["match", "a"],
        ]),
      ),
      /either topic.* or match/,
    );
    assert.match(
      await refusal(
        urlOf(running, [
          ["match", "a"],
          ["lastEventID", "1"],
        ]),
      ),
      /last_event_id/,
    );
    assert.match(await refusal(urlOf(running, [["x", "a"]])), /\?topic=.*\?match=/);
  });

  test("are reduced to one by the option protocol", async (t) => {
    const [old, recent] = [await startHub(t, { protocol: 0 }), await startHub(t, { protocol: 1 })];
    assert.match(await refusal(urlOf(old, [["match", "a"]])), /\?topic=/);
    assert.match(await refusal(urlOf(recent, [["topic", "a"]])), /\?match=/);
    assert.equal(
      (
        await subscribe(
          t,
          urlOf(old, [
            ["topic", "a"],
            ["match", "b"],
          ]),
        )
      ).status,
      200,
    );
    assert.equal(
      (
        await subscribe(
          t,
          urlOf(recent, [
            ["topic", "a"],
            ["match", "b"],
          ]),
        )
      ).status,
      200,
    );
  });
});
