import assert from "node:assert/strict";
import { describe, type TestContext, test } from "node:test";
import type { MercureOptions, VariantRenderer } from "../../src/index.js";
import { application, streamUrlOf } from "../support/application.js";
import { BrowserSession } from "../support/browser-session.js";
import { type EventStream, openStream } from "../support/event-stream.js";

const hubPath = "/.well-known/mercure";

/** An application whose pages have the variant in their query, `?locale=`. */
async function start(t: TestContext, page: string, options: MercureOptions = {}) {
  const { app, kit, listen } = application(t, { "templates/page.njk": page }, options);
  app.get("/", (req, res) => res.render("page.njk", req.query));
  const origin = await listen();
  const url = async (query = "") => streamUrlOf(await (await fetch(`${origin}/${query}`)).text(), origin);
  const rendered: unknown[] = [];
  /** Renders its variant, and records it. */
  const render: VariantRenderer = (variant) => {
    rendered.push(variant);
    return kit.html`<p>${variant ?? "none"}</p>`;
  };
  return { ...kit, origin, url, rendered, render, visit: async (query?: string) => openStream(t, await url(query)) };
}

async function take(stream: EventStream, count: number): Promise<string[]> {
  const data: string[] = [];
  while (data.length < count) data.push((await stream.next())!.data);
  return data;
}

const board = '<% MercureStream topic="board" variant=locale %>';

for (const protocol of [0, 1] as const) {
  describe(`a stream with a variant in Mercure ${protocol}`, () => {
    test("gets its own rendering, once for all its readers, and unused variants are not rendered", async (t) => {
      const { sse, visit, render, rendered } = await start(t, board, { protocol, tokenMode: "url" });
      assert.deepEqual(await sse.publish("board", render), []);
      assert.deepEqual(rendered, []);
      const [de, alsoDe, en] = [await visit("?locale=de"), await visit("?locale=de"), await visit("?locale=en")];
      const ids = await sse.publish("board", render);
      assert.equal(new Set(ids).size, 2);
      assert.deepEqual(rendered, ["de", "en"]);
      for (const stream of [de, alsoDe]) assert.deepEqual(await take(stream, 1), ["<p>de</p>"]);
      assert.deepEqual(await take(en, 1), ["<p>en</p>"]);
    });

    test("misses nothing between its page's rendering and its connection", async (t) => {
      const { sse, url, render } = await start(t, board, { protocol, tokenMode: "url" });
      const later = await url("?locale=de");
      await sse.publish("board", render);
      assert.deepEqual(await take(await openStream(t, later), 1), ["<p>de</p>"]);
    });

    test("gets the common updates too, in the same order", async (t) => {
      const { sse, visit, render } = await start(t, board, { protocol, tokenMode: "url" });
      const streams = [await visit("?locale=de"), await visit("?locale=en"), await visit()];
      await sse.publish("board", render);
      await sse.publish("board", "for all");
      await sse.remove("board", "card-7");
      for (const [i, variant] of ["de", "en", "none"].entries()) {
        const data = await take(streams[i]!, 3);
        assert.deepEqual(data.slice(0, 2), [`<p>${variant}</p>`, "for all"]);
        assert.match(data[2]!, /card-7/);
      }
    });

    // A viewer edits the URL to read the rendering for editors.
    test("is rejected for a viewer with another variant's token, or without a token", async (t) => {
      const { sse, origin, url, visit, render } = await start(t, board, { protocol, tokenMode: "url" });
      const parameter = protocol === 0 ? "topic" : "match";
      const name = new URL(await url("?locale=editor")).searchParams.get(parameter)!;
      const [, token] = /authorization=([^&]+)/.exec(await url("?locale=viewer"))!;
      const borrowed = { headers: { Authorization: `Bearer ${token}` } };
      const ask = (topic: string) => `${origin}${hubPath}?${new URLSearchParams({ [parameter]: topic })}`;
      const thieves = [
        await openStream(t, ask(name), borrowed),
        await openStream(t, ask(name)),
        await openStream(t, ask("*")),
      ];
      const honest = await visit("?locale=editor");
      await sse.publish("board", render);
      await sse.publish("board", "for all");
      assert.deepEqual(await take(honest, 2), ["<p>editor</p>", "for all"]);
      assert.deepEqual(await take(thieves[0]!, 1), ["for all"]);
      assert.deepEqual(await take(thieves[1]!, 1), ["for all"]);
      assert.deepEqual(await take(thieves[2]!, 2), ["<p>none</p>", "for all"]);
    });

    // An attacker with an editor's token, who can stream the topic, renews it in their own session. In the same way a
    // former editor would remain one.
    for (const tokenMode of ["url", "cookie"] as const) {
      test(`is not renewed by ${tokenMode}, but rendered again for the requester`, async (t) => {
        const options: MercureOptions = { protocol, tokenMode, authorize: () => true };
        const { origin } = await start(t, board, options);
        const session = new BrowserSession();
        const html = await (await session.fetch(`${origin}/?locale=editor`)).text();
        assert.doesNotMatch(html, /data-mercure-renew/);
        const [, token = ""] = /authorization=([\w.-]+)/.exec(html) ?? [];
        const [, grant = ""] = /grant=([\w-]+)/.exec(html)!;
        const answer = await session.fetch(`${origin}${hubPath}/renewal?grant=${grant}`, {
          method: "POST",
          headers: { "Sec-Fetch-Site": "same-origin", ...(token && { Authorization: `Bearer ${token}` }) },
        });
        assert.equal(answer.status, 401, "the library's script then fetches the page");
        assert.deepEqual(answer.headers.getSetCookie(), []);
      });
    }

    // An application that lets a visitor choose the topic of a private stream would expose all variants.
    test("has a name that no page can stream and no publisher can use", async (t) => {
      const { sse, url, render, publish } = await withNames(t, protocol);
      const name = new URL(await url("?locale=de")).searchParams.get(protocol === 0 ? "topic" : "match")!;
      assert.throws(() => sse.subscriberJwt(name), { code: "ERR_TOPIC" });
      assert.throws(() => render(name), { code: "ERR_TOPIC" });
      await assert.rejects(publish(name), { code: "ERR_TOPIC" });
    });

    // A public stream of the variant would get the private updates of its topic.
    test("gets private updates only if it is private", async (t) => {
      const { sse, visit, render } = await start(
        t,
        '<% MercureStreamContext topics=["board", "news"] variant=locale private=(locale == "de") %>x<% endMercureStreamContext %>',
        { protocol, tokenMode: "url" },
      );
      const [open, closed] = [await visit("?locale=en"), await visit("?locale=de")];
      await sse.publish("board", render, { private: true });
      await sse.publish("news", "secret", { private: true });
      await sse.publish("news", "open");
      assert.deepEqual(await take(closed, 3), ["<p>de</p>", "secret", "open"]);
      assert.deepEqual(await take(open, 1), ["open"]);
    });

    test("counts among the people and the streams of its topic, once", async (t) => {
      const { sse, visit } = await start(t, '<% MercureStream topic="board" variant=locale private %>', {
        protocol,
        tokenMode: "url",
        payloadGetter: (_topics, request) => ({ id: request?.query.locale }),
      });
      assert.deepEqual(sse.presence("board"), []);
      await visit("?locale=de");
      await visit("?locale=de");
      assert.deepEqual(
        sse.presence("board").map(({ key, connections }) => [key, connections]),
        [["de", 2]],
      );
      for (const subscriptions of [await sse.getSubscriptions("board"), await sse.getSubscriptions()]) {
        assert.deepEqual(
          subscriptions.map(({ topic, match }) => topic ?? match),
          ["board", "board"],
        );
      }
      assert.equal(await sse.isConnected("board", { id: "de" }), true);
    });

    test("ends with its topic", async (t) => {
      const { sse, url } = await start(t, board, { protocol, tokenMode: "url" });
      const address = await url("?locale=de");
      const stream = await openStream(t, address);
      await sse.disconnect({ topic: "board" });
      assert.equal((await stream.next())?.event, "mercure:close");
      assert.equal((await (await openStream(t, address)).next())?.event, "mercure:close");
    });

    test("belongs to the tag that has the topic, and needs topics by name", async (t) => {
      const { render } = await start(t, "", { protocol, tokenMode: "url" }).then(({ environment }) => ({
        render: (source: string) => environment.renderString(source, {}),
      }));
      assert.throws(
        () =>
          render('<% MercureStreamContext topic="a" %><% MercureStream variant="x" %><% endMercureStreamContext %>'),
        /variant needs a topic/,
      );
      const [match, type] = protocol === 0 ? ["/books/{id}", "uritemplate"] : ["/books/:id", "urlpattern"];
      const topic = `{ match: "${match}", match_type: "${type}" }`;
      assert.throws(() => render(`<% MercureStream topic=${topic} variant="x" %>`), /needs names of topics/);
    });
  });
}

describe("publishing a function", () => {
  test("renders for streams without a variant only where one can be open", async (t) => {
    const { sse, url, visit, render, rendered } = await start(t, board);
    await url("?locale=de");
    await sse.publish("board", render);
    assert.deepEqual(rendered, ["de"]);
    const guest = await visit();
    rendered.length = 0;
    await sse.publish("board", render);
    assert.deepEqual(rendered, [undefined, "de"]);
    assert.deepEqual(await take(guest, 1), ["<p>none</p>"]);
  });

  test("can be asynchronous, takes further variants, and has the type of its topic", async (t) => {
    const { sse, visit } = await start(t, board, { typeIsTopic: true });
    const stream = await visit("?locale=de");
    const ids = await sse.publish("board", async (variant: string) => ({ variant }), { variants: ["fr", "de", null] });
    assert.equal(ids.length, 2);
    const { event, data } = (await stream.next())!;
    assert.deepEqual([event, data], ["board", '{"variant":"de"}']);
  });

  test("publishes nothing when one rendering fails", async (t) => {
    const { sse, visit, hub } = await start(t, board);
    await visit("?locale=de");
    await visit("?locale=en");
    const before = hub.lastEventId;
    await assert.rejects(
      sse.publish("board", (variant: string) => {
        if (variant === "en") throw new Error("no translation");
        return "fine";
      }),
      /no translation/,
    );
    assert.equal(hub.lastEventId, before);
  });

  test("gives several topics one update for each variant", async (t) => {
    const { sse, visit, render, rendered } = await start(t, '<% MercureStream topic=["a", "b"] variant=locale %>');
    const stream = await visit("?locale=de");
    assert.equal((await sse.publish(["b", "a", "c"], render)).length, 1);
    await sse.publish("b", "next");
    assert.deepEqual(await take(stream, 2), ["<p>de</p>", "next"]);
    assert.deepEqual(rendered, ["de"]);
  });

  test("rejects an id option, and a class as a rendering function", async (t) => {
    const { sse } = await start(t, "");
    await assert.rejects(
      sse.publish("board", () => "", { id: "urn:x:1" }),
      { code: "ERR_UPDATE" },
    );
    await assert.rejects(sse.publish("board", class {} as unknown as string), { code: "ERR_DATA" });
  });
});

async function withNames(t: TestContext, protocol: 0 | 1) {
  const started = await start(t, board, { protocol, tokenMode: "url" });
  const { environment, sse } = started;
  return {
    ...started,
    render: (name: string) => environment.renderString("<% MercureStream topic=name private %>", { name }),
    publish: (name: string) => sse.publish(name, "forged"),
  };
}
