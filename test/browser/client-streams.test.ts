import assert from "node:assert/strict";
import { describe, it } from "node:test";
import fc from "fast-check";
import { isQuick } from "../support/depth.js";
import { eventually, onBothLines, outlivesServer, shows } from "./client-fixture.js";

onBothLines((fixture) => {
  const { stream } = fixture;

  // Items without ids, so that a message that is swapped twice shows.
  const item = (text: string) => `<p>${text}</p>`;
  const interruption = /reconnects in|ERR_|status of 5|htmx:sse:?[eE]rror/;

  describe("a stream element", () => {
    it("swaps the updates since its page was rendered, and then new ones, once each", async () => {
      const page = await fixture.open(() => {
        const html = stream({ content: item("rendered") });
        fixture.server.publish(item("missed"));
        return html;
      });
      await fixture.connected();
      fixture.server.publish(item("live"));
      await shows(page, "#feed p", ["rendered", "missed", "live"]);
    });

    it("sends its token and its position in headers only", async () => {
      await fixture.open(stream({ connect: "/hub?topic=messages&lastEventID=start&authorization=a.b.c" }));
      await fixture.connected();
      const [{ query, headers } = assert.fail()] = fixture.server.subscriptions;
      assert.deepEqual([...query], [["topic", "messages"]]);
      assert.deepEqual([headers.authorization, headers["last-event-id"]], ["Bearer a.b.c", "start"]);
    });

    it("misses and repeats nothing when the server is killed and restarted", async () => {
      fixture.expectErrors(interruption);
      await outlivesServer(fixture, await fixture.open(stream()));
    });

    it("outlasts a proxy that answers for a server that is away", async () => {
      fixture.expectErrors(interruption);
      fixture.server.refuse({ status: 502 }, { status: 503, headers: { "Retry-After": "0" } });
      const page = await fixture.open(stream());
      await fixture.connected();
      fixture.server.publish(item("after"));
      await shows(page, "#feed p", ["after"]);
      assert.equal(fixture.server.subscriptions.length, 3, "the extension made no source of its own");
    });

    it("reconnects at once when the network returns", async () => {
      fixture.expectErrors(interruption);
      fixture.server.preamble = "retry: 3600000\n\n";
      const page = await fixture.open(`${stream()}<p id="state"></p>`);
      await page.evaluate(
        `feed.addEventListener("${fixture.line === 2 ? "htmx:sseError" : "htmx:sse:error"}", () => { state.textContent = "broken" })`,
      );
      await fixture.connected();
      fixture.server.publish(item("before"));
      await shows(page, "#feed p", ["before"]);
      fixture.server.cut();
      await shows(page, "#state", ["broken"]);
      await page.evaluate("dispatchEvent(new Event('online'))");
      await fixture.connected();
      fixture.server.publish(item("after"));
      await shows(page, "#feed p", ["before", "after"]);
    });

    for (const [name, change] of [
      ["is processed again", ""],
      ["is processed again with another attribute", "feed.setAttribute('class', 'other');"],
      ["is processed again and again", "feed.title = 'a'; htmx.process(feed); feed.title = 'b';"],
    ] as const) {
      it(`keeps its one connection and its position when it ${name}`, async () => {
        const page = await fixture.open(stream());
        await fixture.connected();
        fixture.server.publish(item("before"));
        await shows(page, "#feed p", ["before"]);
        await page.evaluate(`${change} htmx.process(document.body)`);
        fixture.server.publish(item("after"));
        await shows(page, "#feed p", ["before", "after"]);
        assert.deepEqual([fixture.server.open, fixture.server.subscriptions.length], [1, 1]);
      });
    }

    it("continues in each element inside it when it, or one of them, is processed again", async () => {
      const swap = (type: string) => `<div id="${type}" ${fixture.types(type)} hx-swap="beforeend"></div>`;
      const page = await fixture.open(`
      <div id="context" ${fixture.connection("/hub?topic=messages&lastEventID=start")} hx-swap="none">
        ${swap("news")}${swap("scores")}<p id="counter" hx-trigger="sse:scores"></p>
      </div>`);
      await page.evaluate(`counter.addEventListener("sse:scores", () => { counter.textContent += "|" })`);
      await fixture.connected();
      const changes = [
        "context.title = 'a'",
        "news.title = 'b'; counter.title = 'b'",
        "context.title = news.title = 'c'",
      ];
      for (const [index, change] of changes.entries()) {
        await page.evaluate(`${change}; htmx.process(document.body)`);
        fixture.server.publish(item(`news ${index}`), { type: "news" });
        fixture.server.publish(item(`scores ${index}`), { type: "scores" });
        await shows(
          page,
          "#scores p",
          Array.from({ length: index + 1 }, (_, turn) => `scores ${turn}`),
        );
      }
      await shows(page, "#news p", ["news 0", "news 1", "news 2"]);
      await shows(page, "#counter", ["|||"]);
      assert.deepEqual([fixture.server.open, fixture.server.subscriptions.length], [1, 1]);
    });

    it("gives way to a fresh rendering of itself, which starts from its own position", async () => {
      fixture.server.serve("/fresh", () => {
        const connect = `/hub?topic=messages&lastEventID=${fixture.server.lastEventId}`;
        const body = stream({ connect, content: item("all so far") });
        fixture.server.publish(item("during"));
        return { status: 200, body };
      });
      const page = await fixture.open(`${stream()}
      <button hx-get="/fresh" hx-target="#feed" hx-swap="outerHTML">Render again</button>`);
      await fixture.connected();
      fixture.server.publish(item("before"));
      await shows(page, "#feed p", ["before"]);
      await page.getByRole("button").click();
      await shows(page, "#feed p", ["all so far", "during"]);
      await fixture.connected();
      fixture.server.publish(item("after"));
      await shows(page, "#feed p", ["all so far", "during", "after"]);
      await fixture.connected();
    });

    for (const [name, of] of [
      ["without ids", (text: string) => `<p>${text}</p>`],
      ["with ids", (text: string) => `<p id="${text}">${text}</p>`],
    ] as const) {
      it(`repeats nothing that a slow handler has rendered after its position, ${name}`, async () => {
        let answer = () => {};
        const answered = new Promise<void>((resolve) => {
          answer = resolve;
        });
        const region = (content: string, cursor: string) =>
          `<main id="region" hx-get="/region" hx-trigger="refresh" hx-swap="outerHTML">${stream({
            connect: `/hub?topic=messages&lastEventID=${cursor}`,
            content,
          })}</main>`;
        // The request begins before the messages. The handler reads its data between the second and the third.
        let isAsked = false;
        fixture.server.serve("/region", async () => {
          isAsked = true;
          const cursor = fixture.server.lastEventId;
          await answered;
          return { status: 200, body: region(["a", "b", "c"].map(of).join(""), cursor) };
        });
        const page = await fixture.open(region(of("a"), "start"));
        await fixture.connected();
        fixture.server.publish(of("before"));
        await shows(page, "#feed p", ["a", "before"]);
        await page.evaluate(`{
        window.swaps = 0;
        addEventListener("htmx:oobAfterSwap", () => window.swaps++);
        htmx.trigger("#region", "refresh");
      }`);
        await eventually(() => assert.ok(isAsked));
        for (const text of ["b", "c", "d"]) fixture.server.publish(of(text));
        await shows(page, "#feed p", ["a", "before", "b", "c", "d"]);
        answer();
        await shows(page, "#feed p", ["a", "b", "c", "d"]);
        fixture.server.publish(of("e"));
        await shows(page, "#feed p", ["a", "b", "c", "d", "e"]);
        assert.equal(await page.evaluate("swaps"), 0);
      });
    }

    it("follows another address when its attribute changes", async () => {
      const page = await fixture.open(stream());
      await fixture.connected();
      await page.evaluate(`${fixture.reconnect("/hub?topic=others&lastEventID=start")} htmx.process(feed)`);
      await fixture.server.when(() => fixture.server.subscriptions.length === 2);
      await fixture.connected();
      fixture.server.publish(item("old topic"));
      fixture.server.publish(item("new topic"), { topic: "others" });
      await shows(page, "#feed p", ["new topic"]);
    });

    it("restarts from a new position of the server, with the content of that position", async () => {
      const page = await fixture.open(stream());
      await fixture.connected();
      const position = fixture.server.publish(item("first"));
      fixture.server.publish(item("second"));
      await shows(page, "#feed p", ["first", "second"]);
      // A morphing swap leaves the same element, with the attributes and the content of a fresh rendering.
      await page.evaluate(`
      feed.innerHTML = "<p>first</p>";
      ${fixture.reconnect(`/hub?topic=messages&lastEventID=${position}`)}
      htmx.process(document.body);
    `);
      await shows(page, "#feed p", ["first", "second"]);
      await fixture.connected();
    });

    it("closes its connection when it ceases to be a stream", async () => {
      const page = await fixture.open(stream());
      await fixture.connected();
      await page.evaluate(`feed.removeAttribute("${fixture.connectAttribute}"); htmx.process(document.body)`);
      await fixture.connected(0);
    });

    it("accepts a fresh token without a new connection", async () => {
      fixture.expectErrors(interruption);
      const page = await fixture.open(stream({ connect: "/hub?topic=messages&lastEventID=start&authorization=old" }));
      await fixture.connected();
      await page.evaluate(
        `${fixture.reconnect("/hub?topic=messages&lastEventID=start&authorization=new")} htmx.process(feed)`,
      );
      assert.equal(fixture.server.subscriptions.length, 1);
      fixture.server.cut();
      await fixture.connected();
      assert.deepEqual(
        fixture.server.subscriptions.map(({ headers }) => headers.authorization),
        ["Bearer old", "Bearer new"],
      );
    });

    for (const [name, remove] of [
      ["the page's own script", "feed.remove()"],
      [
        "htmx",
        fixture.line === 2
          ? "htmx.swap('#feed', '', { swapStyle: 'delete', swapDelay: 0, settleDelay: 0 })"
          : "htmx.swap({ sourceElement: feed, target: feed, swap: 'delete', text: '' })",
      ],
      ["a script that empties what it is in", "region.textContent = ''"],
    ] as const) {
      it(`closes its connection when ${name} removes it`, async () => {
        const page = await fixture.open(`<div id="region">${stream()}</div>`);
        await fixture.connected();
        await page.evaluate(remove);
        await fixture.connected(0);
      });
    }

    it("resumes when it returns to the page, and stays connected when it only moves", async () => {
      const page = await fixture.open(`<div id="a">${stream()}</div><div id="b"></div>`);
      await fixture.connected();
      await page.evaluate("b.append(feed)");
      fixture.server.publish(item("moved"));
      await shows(page, "#b p", ["moved"]);
      assert.equal(fixture.server.subscriptions.length, 1);

      await page.evaluate("window.kept = feed; kept.remove()");
      await fixture.connected(0);
      fixture.server.publish(item("missed"));
      await page.evaluate("a.append(kept)");
      await fixture.connected();
      fixture.server.publish(item("back"));
      await shows(page, "#a p", ["moved", "missed", "back"]);
    });

    it("works when it was processed before it came into the page", async () => {
      const markup = JSON.stringify(stream());
      const page = await fixture.open("<main></main>");
      await page.evaluate(`{
      const holder = document.createElement("div");
      holder.innerHTML = ${markup};
      htmx.process(holder);
      document.querySelector("main").append(holder);
      // htmx 4 processes nothing outside the page.
      ${fixture.line === 4 ? "htmx.process(holder);" : ""}
    }`);
      await fixture.connected();
      fixture.server.publish(item("live"));
      await shows(page, "#feed p", ["live"]);
      await page.evaluate("feed.remove()");
      await fixture.connected(0);
    });

    it("keeps its position when it is processed again while it is out of the page", async () => {
      const page = await fixture.open(`<main>${stream()}</main>`);
      await fixture.connected();
      fixture.server.publish(item("before"));
      await shows(page, "#feed p", ["before"]);
      await page.evaluate("window.kept = feed; kept.remove()");
      await fixture.connected(0);
      fixture.server.publish(item("missed"));
      await page.evaluate(`{
      kept.setAttribute("hx-vals", "{}");
      htmx.process(kept);
      document.querySelector("main").append(kept);
    }`);
      await fixture.connected();
      fixture.server.publish(item("after"));
      await shows(page, "#feed p", ["before", "missed", "after"]);
    });

    it("opens no connection for an element that has left the page before htmx processes it", async () => {
      const holder = (n: number) => `<div id="holder">${stream({ connect: `/hub?topic=inner&v=${n}` })}</div>`;
      const page = await fixture.open(stream({ id: "list", content: holder(0) }));
      await fixture.connected(2);
      for (let n = 1; n <= 6; n += 1) fixture.server.publish(holder(n));
      await eventually(async () =>
        assert.match((await page.locator("#feed").getAttribute(fixture.connectAttribute)) ?? "", /v=6/),
      );
      await page.evaluate(`{
      const gone = document.getElementById("feed").cloneNode();
      document.body.append(gone);
      htmx.process(gone);
      gone.remove();
      htmx.process(gone);
    }`);
      await fixture.connected(2);
      fixture.server.publish(item("live"), { topic: "inner" });
      await shows(page, "#feed p", ["live"]);
      assert.equal(fixture.server.open, 2);
    });

    it("works in a shadow tree", async () => {
      const markup = JSON.stringify(stream());
      const page = await fixture.open(`<div id="host"></div>`);
      await page.evaluate(`{
      window.root = host.attachShadow({ mode: "open" });
      root.innerHTML = ${markup};
      htmx.process(root);
    }`);
      await fixture.connected();
      fixture.server.publish(item("live"));
      await shows(page, "#feed p", ["live"]);
      assert.equal(await page.evaluate("mercure.streams.length"), 1);
      await page.evaluate("root.replaceChildren()");
      await fixture.connected(0);
    });

    for (const [name, answer] of [
      ["204", { status: 204 }],
      ["401", { status: 401 }],
      ["403", { status: 403 }],
      ["410", { status: 410 }],
    ] as const) {
      it(`gives up after ${name}, and reports it once`, async () => {
        fixture.expectErrors(/ended for good|Failed to load resource/);
        fixture.server.refuse(answer);
        const page = await fixture.newPage();
        await page.clock.install();
        fixture.serve("/", `${stream()}<p id="log"></p>`);
        await page.goto(`${fixture.server.origin}/`);
        await shows(page, "#log", [`mercure:error feed ${answer.status};`]);
        // The extension would create another source after half a second, then after growing pauses.
        await page.clock.runFor(300_000);
        await page.evaluate("feed.title = 'changed'; htmx.process(feed)");
        await page.clock.runFor(300_000);
        await page.evaluate("fetch('/favicon.ico')");
        assert.equal(fixture.server.subscriptions.length, 1);
        await shows(page, "#log", [`mercure:error feed ${answer.status};`]);
      });
    }

    for (const [name, answer] of [
      ["404", { status: 404 }],
      ["425", { status: 425 }],
      ["a page in place of a stream", { status: 200 }],
      ["a redirect to a page", { status: 302, headers: { Location: "/" } }],
    ] as const) {
      it(`retries after ${name}, as proxies answer during a deployment`, async () => {
        fixture.expectErrors(/reconnects in|htmx:sse:?[eE]rror|Failed to load resource/);
        fixture.server.refuse(answer);
        const page = await fixture.open(`${stream()}<p id="log"></p>`);
        await fixture.connected();
        fixture.server.publish(item("after"));
        await shows(page, "#feed p", ["after"]);
        await shows(page, "#log", [""]);
      });
    }

    it("shows its state in the page, which htmx takes for no change of the element", async () => {
      fixture.expectErrors(/reconnects in|htmx:sse:?[eE]rror|Failed to load resource/);
      let loads = 0;
      fixture.server.serve("/loaded", () => {
        loads += 1;
        return { status: 204 };
      });
      const page = await fixture.open(
        `${stream({ attributes: 'hx-get="/loaded" hx-trigger="load"' })}<output id="log"></output>`,
      );
      await page.waitForSelector("html.mercure-open #feed[data-mercure-state=open]", { state: "attached" });
      await page.evaluate(
        `states = []; addEventListener("mercure:state", ({ target, detail }) => states.push([target.id, detail.previous, detail.state]))`,
      );
      const before = loads;
      fixture.server.refuse({ status: 503, headers: { "Retry-After": "3600" } });
      fixture.server.cut();
      await page.waitForSelector("html.mercure-offline #feed[data-mercure-state=offline]", { state: "attached" });
      assert.equal(await page.evaluate("mercure.state"), "offline");
      await page.evaluate("htmx.process(document.body)");
      await page.evaluate("fetch('/favicon.ico')");
      assert.equal(loads, before);
      const url = `${fixture.server.origin}/hub?topic=messages`;
      assert.deepEqual(
        await page.evaluate("mercure.streams.map(({ element: { id }, state, url }) => ({ id, state, url }))"),
        [{ id: "feed", state: "offline", url }],
      );
      assert.deepEqual(await page.evaluate("states"), [["feed", "open", "offline"]]);
    });

    it("replaces a connection that has become silent, and misses nothing", async () => {
      fixture.server.headers = { "Mercure-Keep-Alive": "0.2" };
      const page = await fixture.open(stream());
      await fixture.connected();
      await fixture.server.when(() => fixture.server.subscriptions.length === 2);
      fixture.server.headers = {};
      fixture.server.publish(item("after"));
      await shows(page, "#feed p", ["after"]);
    });

    it("connects from a page whose URL has credentials", async () => {
      const page = await fixture.newPage();
      fixture.serve("/", stream());
      await page.goto(fixture.server.origin.replace("//", "//user:secret@"));
      await fixture.connected();
      fixture.server.publish(item("live"));
      await shows(page, "#feed p", ["live"]);
    });

    it("retries after a refusal when it gets another address, such as one with a valid token", async () => {
      fixture.expectErrors(/ended for good|Failed to load resource/);
      fixture.server.refuse({ status: 401 });
      const page = await fixture.open(
        `${stream({ connect: "/hub?topic=messages&lastEventID=start&authorization=expired" })}<p id="log"></p>`,
      );
      await shows(page, "#log", ["mercure:error feed 401;"]);
      assert.equal(fixture.server.subscriptions.length, 1, "the page, asked again, has no other token");
      fixture.server.publish(item("meanwhile"));
      await page.evaluate(
        `${fixture.reconnect("/hub?topic=messages&lastEventID=start&authorization=valid")} htmx.process(feed)`,
      );
      await shows(page, "#feed p", ["meanwhile"]);
      assert.equal(fixture.server.subscriptions.at(-1)?.headers.authorization, "Bearer valid");
    });

    // The changes of a stream in a page and of its connection, each at any moment.
    const events: Record<string, (publish: () => void) => unknown> = {
      publish: (publish) => publish(),
      cut: () => fixture.server.cut(),
      end: () => fixture.server.cut("end"),
      process: () => "htmx.process(document.body)",
      change: () => "feed.title += '.'; htmx.process(document.body)",
      settle: () => "feed.classList.toggle('htmx-settling'); htmx.process(document.body)",
      save: () =>
        `htmx.trigger(document.body, "${fixture.line === 2 ? "htmx:beforeHistorySave" : "htmx:history:cache:before:save"}"); htmx.process(document.body)`,
      online: () => "dispatchEvent(new Event('online'))",
      move: () => "(a.contains(feed) ? b : a).append(feed)",
      leave: () => "window.stream = feed; stream.remove(); setTimeout(() => a.append(stream))",
      hide: () => "dispatchEvent(new Event('pagehide')); setTimeout(() => dispatchEvent(new Event('pageshow')))",
    };

    it("swaps each message once and in order through every sequence of changes", async () => {
      fixture.expectErrors(interruption);
      const scenario = fc.array(fc.oneof(fc.constant("publish"), fc.constantFrom(...Object.keys(events))), {
        minLength: 15,
        maxLength: 15,
      });
      for (const names of fc.sample(scenario, { numRuns: isQuick ? 4 : 12, seed: 7 })) {
        const start = fixture.server.lastEventId;
        const connect = `/hub?topic=messages&lastEventID=${start}&authorization=token`;
        const page = await fixture.open(`<div id="a">${stream({ connect })}</div><div id="b"></div>`);
        const texts: string[] = [];
        const publish = () => {
          texts.push(`message ${texts.length}`);
          fixture.server.publish(item(texts.at(-1) ?? ""));
        };
        for (const name of names) {
          const script = events[name]?.(publish);
          if (typeof script === "string") await page.evaluate(script);
        }
        publish();
        await page.getByText(texts.at(-1) ?? "", { exact: true }).waitFor();
        assert.deepEqual(await page.locator("#feed p").allTextContents(), texts, names.join(", "));
        await page.close();
        await fixture.connected(0);
      }
    });

    it("closes for good at the message that sse-close names", async () => {
      const page = await fixture.open(
        stream({ attributes: `${fixture.line === 2 ? "sse-close" : "hx-sse:close"}="done"` }),
      );
      await fixture.connected();
      fixture.server.publish(item("last"));
      fixture.server.publish("", { type: "done" });
      await fixture.connected(0);
      await page.evaluate("feed.title = 'changed'; htmx.process(document.body); dispatchEvent(new Event('online'))");
      await page.evaluate("fetch('/favicon.ico')");
      assert.equal(fixture.server.subscriptions.length, 1);
      await shows(page, "#feed p", ["last"]);
    });
  });

  describe("a page under a strict policy", () => {
    it("shows messages under Trusted Types, with a default policy", async () => {
      fixture.serve("/", stream({ content: '<p id="a">old</p>' }));
      const page = await fixture.newPage();
      const policy = "require-trusted-types-for 'script'; trusted-types default";
      await page.route("**/", async (route) => {
        const response = await route.fetch();
        await route.fulfill({ response, headers: { ...response.headers(), "content-security-policy": policy } });
      });
      await page.addInitScript(`
        trustedTypes.createPolicy("default", { createHTML: (html) => html, createScript: (script) => script });
      `);
      await page.goto(`${fixture.server.origin}/`);
      await fixture.connected();
      fixture.server.publish('<p id="a">new</p>');
      fixture.server.publish("<template><b>kept</b></template><p>plain</p>");
      await shows(page, "#feed p", ["new", "plain"]);
    });

    it("has htmx's rules for indicators from the library's style sheet, not from a style element", async () => {
      const page = await fixture.open(`${stream()}<span class="htmx-indicator">Busy</span>`);
      await fixture.connected();
      assert.equal(await page.locator("style").count(), 0);
      assert.equal(await page.locator(".htmx-indicator").isVisible(), false);
      await page.evaluate("document.body.classList.add('htmx-request')");
      await page.locator(".htmx-indicator").waitFor({ state: "visible" });
    });
  });
});
