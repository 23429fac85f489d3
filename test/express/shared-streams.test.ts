import assert from "node:assert/strict";
import { connect } from "node:net";
import { describe, type TestContext, test } from "node:test";
import { application } from "../support/application.js";
import { closed } from "../support/closed.js";
import { until } from "../support/until.js";

interface Part {
  query: string;
  token?: string;
  position?: string;
}

interface Answer {
  status: number;
  headers: Record<string, string>;
  text: string;
  hasEnded: boolean;
}

async function start(t: TestContext, options: Parameters<typeof application>[2] = {}) {
  const { app, kit, listen } = application(t, {}, options);
  app.get("/token/:topic", (req, res) => {
    res.send(kit.withResponse(res, () => kit.sse.subscriberJwt(req.params.topic)));
  });
  const origin = await listen();
  const url = `${origin}/.well-known/mercure/streams`;
  const tokenFor = async (topic: string) => await (await fetch(`${origin}/token/${topic}`)).text();
  const post = (
    parts: Part[],
    headers: Record<string, string> = { "Sec-Fetch-Site": "same-origin" },
    abort = new AbortController(),
  ) => {
    const body = new URLSearchParams(
      parts.flatMap(({ query, token = "", position = "" }): [string, string][] => [
        ["query", query],
        ["token", token],
        ["position", position],
      ]),
    );
    t.after(() => abort.abort());
    return fetch(url, { method: "POST", body, headers, signal: abort.signal });
  };
  /** Opens streams. The answers grow as data arrives. */
  const open = async (parts: Part[]) => {
    const abort = new AbortController();
    const response = await post(parts, undefined, abort);
    assert.equal(response.status, 200);
    const answers: Answer[] = parts.map(() => ({ status: 0, headers: {}, text: "", hasEnded: false }));
    const ended = readFrames(response, answers);
    t.after(() => ended.catch(() => {}));
    const drop = () => {
      ended.catch(() => {});
      abort.abort();
    };
    return { answers, ended, response, drop };
  };
  return { kit, url, tokenFor, post, open };
}

async function readFrames(response: Response, answers: Answer[]): Promise<void> {
  let text = "";
  const decoder = new TextDecoder("latin1");
  for await (const chunk of response.body!) {
    text += decoder.decode(chunk as Uint8Array, { stream: true });
    for (;;) {
      const [line, number, rest = ""] = /^:(?:(\d+) (.+))?\n/.exec(text) ?? [];
      if (line === undefined) break;
      const answer = answers[Number(number)]!;
      const length = number === undefined || rest.startsWith("{") ? 0 : Number(rest);
      if (text.length < line.length + length) break;
      if (rest.startsWith("{")) Object.assign(answer, JSON.parse(rest));
      else if (rest === "0") answer.hasEnded = true;
      else if (length > 0) answer.text += text.slice(line.length, line.length + length);
      text = text.slice(line.length + length);
    }
  }
}

const dataOf = ({ text }: Answer) => [...text.matchAll(/^data: ?(.*)$/gm)].map(([, data]) => data);

describe("a shared connection", () => {
  test("carries several streams, each from its own position and in order", async (t) => {
    const { kit, open } = await start(t);
    const id = String(await kit.sse.publish("a", "1"));
    await kit.sse.publish("a", "2");
    await kit.sse.publish("b", "3");
    const { answers } = await open([
      { query: "topic=a", position: id },
      { query: "topic=a" },
      { query: "topic=b", position: id },
    ]);
    await until(() => kit.hub.connections === 3);
    for (const data of ["4", "5"]) await kit.sse.publish(["a", "b"], data);
    await until(() => answers.every(({ text }) => text.includes("data: 5") || text.includes("data:5")));
    assert.deepEqual(answers.map(dataOf), [
      ["2", "4", "5"],
      ["4", "5"],
      ["3", "4", "5"],
    ]);
    assert.deepEqual(
      answers.map(({ status }) => status),
      [200, 200, 200],
    );
  });

  describe("whose client is gone", () => {
    const key = (name: string, turn: number) => `topic=${name}&stream=${name.repeat(32)}.${turn}`;

    async function watched(t: TestContext) {
      const { kit, tokenFor, open } = await start(t);
      const changes: string[] = [];
      kit.hub.onSubscription(({ topic, active }) => changes.push(`${topic} ${active ? "begins" : "ends"}`));
      // The hub checks the tokens of a connection at the same time, so its streams begin in any order.
      const ids = () =>
        kit.hub
          .subscriptions()
          .map(({ topic, subscriber }) => `${topic} ${subscriber}`)
          .sort();
      const tokens = { a: await tokenFor("a"), b: await tokenFor("b"), c: await tokenFor("c") };
      const part = (name: "a" | "b" | "c", turn: number) => ({ query: key(name, turn), token: tokens[name] });
      return { kit, open, changes, ids, part };
    }

    // One tab of a browser has read for all of them, and is closed.
    test("lets streams continue under their ids on another connection, and ends the rest", async (t) => {
      const { kit, open, changes, ids, part } = await watched(t);
      const first = await open([part("a", 1), part("b", 1), part("c", 1)]);
      await until(() => kit.hub.connections === 3);
      const before = ids();
      first.drop();
      await until(() => kit.hub.connections === 0);
      assert.deepEqual(ids(), before);
      // A page numbers its own connections, so the number says nothing after the end of the last one.
      const second = await open([part("a", 1), part("b", 2)]);
      await until(() => kit.hub.connections === 2);
      assert.deepEqual(ids(), before);
      await until(() => changes.length > 3);
      assert.deepEqual(changes.slice(0, 3).sort(), ["a begins", "b begins", "c begins"]);
      assert.deepEqual(changes.slice(3), ["c ends"]);
      assert.deepEqual(ids(), before.slice(0, 2));

      // The other tabs ask for their streams one after the other.
      const third = await open([part("a", 3)]);
      await until(() => second.answers[0]!.hasEnded);
      second.drop();
      await until(() => kit.hub.connections === 1);
      const fourth = await open([part("a", 4), part("b", 4)]);
      await until(() => third.answers[0]!.hasEnded && kit.hub.connections === 2);
      assert.deepEqual(changes.slice(4), []);
      assert.deepEqual(ids(), before.slice(0, 2));

      // A stream that was left on purpose ends as late.
      const fifth = await open([part("a", 5)]);
      await until(() => fourth.answers[0]!.hasEnded);
      fourth.drop();
      await until(() => changes.length > 4);
      assert.deepEqual(changes.slice(4), ["b ends"]);
      fifth.drop();
      await until(() => kit.hub.connections === 0);
      assert.deepEqual(changes.slice(5), ["a ends"], "a stream on a connection of its own");
    });

    test("ends streams at once that are disconnected, have other rights, or belong to a hub that closes", async (t) => {
      const { kit, open, changes, ids, part } = await watched(t);
      const { drop } = await open([part("a", 1), part("b", 1), part("c", 1)]);
      await until(() => kit.hub.connections === 3);
      const before = ids();
      drop();
      await until(() => kit.hub.connections === 0);
      await kit.sse.disconnect({ topic: "a" });
      assert.deepEqual(changes.slice(3), ["a ends"]);
      await open([{ query: key("b", 2) }]);
      await until(() => kit.hub.connections === 1);
      assert.equal(ids().filter((id) => id.startsWith("b ")).length, 2);
      assert.ok(ids().includes(before[1]!));
      await kit.hub.close();
      assert.deepEqual(changes.slice(4).sort(), ["b begins", "b ends", "b ends", "c ends"]);
    });
  });

  test("looks like comments around events to an EventSource", async (t) => {
    const { kit, post } = await start(t);
    const response = await post([{ query: "topic=a" }]);
    assert.equal(response.headers.get("content-type"), "text/event-stream");
    await until(() => kit.hub.connections === 1);
    await kit.sse.publish("a", "x");
    let text = "";
    for await (const chunk of response.body!) {
      text += Buffer.from(chunk as Uint8Array).toString();
      if (text.includes("x\n\n")) break;
    }
    for (const line of text.split("\n")) assert.match(line, /^(:.*|(id|data|event|retry):.*|)$/);
  });

  // A page combines the token of one stream with the topics of another, to read topics that no token of the page
  // grants.
  test("gives each stream the rights of its own token alone", async (t) => {
    const { kit, tokenFor, open } = await start(t);
    const token = await tokenFor("a");
    const { answers } = await open([
      { query: "topic=a", token },
      { query: "topic=b", token },
      { query: "topic=a" },
      { query: "topic=a", token: `${token}x` },
    ]);
    await until(() => kit.hub.connections === 3);
    await kit.sse.publish("a", "private a", { private: true });
    await kit.sse.publish("b", "private b", { private: true });
    await kit.sse.publish(["a", "b"], "end");
    await until(() => answers.slice(0, 3).every(({ text }) => text.includes("end")));
    assert.deepEqual(answers.slice(0, 3).map(dataOf), [["private a", "end"], ["end"], ["end"]]);
    assert.deepEqual([answers[3]!.status, answers[3]!.text, answers[3]!.hasEnded], [401, "", true]);
  });

  // A viewer signs out while a shared connection is open, and opens it again with the revoked token.
  test("ends the streams of a revoked token, and gives it nothing again", async (t) => {
    const { kit, tokenFor, open } = await start(t, { subjectGetter: () => "ada" });
    const token = await tokenFor("a");
    const { answers } = await open([{ query: "topic=a", token }, { query: "topic=a" }]);
    await until(() => kit.hub.connections === 2);
    await kit.sse.disconnect({ subject: "ada" });
    await until(() => answers[0]!.hasEnded);
    await kit.sse.publish("a", "secret", { private: true });
    await kit.sse.publish("a", "end");
    await until(() => answers[1]!.text.includes("end"));
    assert.doesNotMatch(answers[0]!.text + answers[1]!.text, /secret/);
    assert.equal(kit.hub.connections, 1);
    const again = await open([{ query: "topic=a", token }]);
    await again.ended;
    assert.equal(again.answers[0]!.status, 401);
  });

  test("ends with its last stream, and its streams end with it", async (t) => {
    const { kit, open } = await start(t);
    const { answers, ended } = await open([{ query: "topic=a" }, { query: "topic=b" }]);
    await until(() => kit.hub.connections === 2);
    await kit.close();
    await ended;
    assert.deepEqual(
      answers.map(({ hasEnded }) => hasEnded),
      [true, true],
    );
    const other = await start(t);
    const abort = new AbortController();
    const body = "query=topic%3Da&token=&position=&query=topic%3Db&token=&position=";
    const headers = { "Sec-Fetch-Site": "same-origin", "Content-Type": "application/x-www-form-urlencoded" };
    await fetch(other.url, { method: "POST", body, headers, signal: abort.signal });
    await until(() => other.kit.hub.connections === 2);
    abort.abort();
    await until(() => other.kit.hub.connections === 0);
  });

  test("answers a mistake in one stream for that stream alone", async (t) => {
    const { kit, open } = await start(t);
    const { answers } = await open([{ query: "" }, { query: "topic=a" }]);
    await until(() => kit.hub.connections === 1 && answers[0]!.hasEnded);
    assert.equal(answers[0]!.status, 400);
    assert.equal(answers[1]!.status, 200);
  });

  // The page of another site posts a form, with the visitor's cookies.
  test("refuses requests of other sites", async (t) => {
    const { post } = await start(t);
    for (const headers of [{ "Sec-Fetch-Site": "cross-site" }, { Origin: "https://evil.example" }, {}] as Record<
      string,
      string
    >[]) {
      assert.equal((await post([{ query: "topic=a" }], headers)).status, 403);
    }
  });

  // One small request asks for very many streams, or smuggles a line into a log.
  test("refuses requests beyond its bounds", async (t) => {
    const { post, url, kit } = await start(t);
    const stream = { query: "topic=a" };
    const requests = [
      [],
      Array(129).fill(stream),
      [{ query: "topic=a\r\nx: y" }],
      [{ query: "topic=a", token: "x\r\ny: z" }],
      [{ query: "topic=a", position: "x\r\ny: z" }],
      [{ query: `topic=${"a".repeat(200_000)}` }],
    ];
    for (const parts of requests) assert.equal((await post(parts)).status, 400);
    assert.equal((await fetch(url)).status, 405);
    assert.equal(kit.hub.connections, 0);
  });

  // A publisher hides frames in an update, to end the stream of another topic or to write into it.
  test("takes nothing in an update for a frame", async (t) => {
    const { kit, open } = await start(t);
    const { answers } = await open([{ query: "topic=a" }, { query: "topic=b" }]);
    await until(() => kit.hub.connections === 2);
    const lines = [":1 0", ':1 {"status":401,"headers":{}}', ":1 17", "data: forged", "", ":0 0", "ü"];
    await kit.sse.publish("a", lines.join("\n"));
    await kit.sse.publish("a", lines.join("\r"), { type: "x:1 0" });
    await kit.sse.publish(["a", "b"], "end");
    await until(() => answers.every(({ text }) => text.includes("end")));
    const texts = lines.map((line) => Buffer.from(line).toString("latin1"));
    assert.deepEqual(answers.map(dataOf), [[...texts, ...texts, "end"], ["end"]]);
    assert.deepEqual(
      answers.map(({ status, hasEnded }) => [status, hasEnded]),
      [
        [200, false],
        [200, false],
      ],
    );
  });

  // A client hides many streams in one request, to stay below the limits of a subject.
  test("counts each of its streams for the limits of a subject", async (t) => {
    const { kit, tokenFor, open } = await start(t, {
      subjectGetter: () => "ada",
      hub: { maxConnectionsPerSubject: 2 },
    });
    const token = await tokenFor("a");
    const { answers } = await open(Array(4).fill({ query: "topic=a", token }));
    await until(() => answers.every(({ status }) => status !== 0));
    assert.deepEqual(answers.map(({ status }) => status).sort(), [200, 200, 429, 429]);
    assert.equal(kit.hub.connections, 2);
  });

  // A token expires while the other streams of the connection continue.
  test("ends a stream when its token expires, and leaves the others open", async (t) => {
    const { kit, tokenFor, open } = await start(t, { tokenLifetime: 2 });
    const token = await tokenFor("a");
    const { answers } = await open([{ query: "topic=a", token }, { query: "topic=a" }]);
    await until(() => answers[0]!.hasEnded);
    await kit.sse.publish("a", "secret", { private: true });
    await kit.sse.publish("a", "end");
    await until(() => answers[1]!.text.includes("end"));
    assert.deepEqual([answers[0]!.text.includes("secret"), answers[1]!.hasEnded], [false, false]);
  });

  // A client sends requests behind the streams, whose answers would wait in memory for as long as the streams last.
  test("ends a connection with requests behind it", async (t) => {
    const { kit, url } = await start(t);
    const { port, pathname } = new URL(url);
    const body = "query=topic%3Da&token=&position=";
    const head = `Host: 127.0.0.1:${port}\r\nOrigin: http://127.0.0.1:${port}`;
    const post = `POST ${pathname} HTTP/1.1\r\n${head}\r\nContent-Type: application/x-www-form-urlencoded\r\nContent-Length: ${body.length}\r\n\r\n${body}`;
    const get = `GET /.well-known/mercure?topic=a HTTP/1.1\r\n${head}\r\n\r\n`;
    for (const requests of [post + get, get + post, post + post]) {
      const socket = connect(Number(port), "127.0.0.1");
      t.after(() => socket.destroy());
      socket.on("error", () => {});
      socket.resume().write(requests);
      await closed(socket);
    }
    await until(() => kit.hub.connections === 0);
  });

  // A client sends an endless body after the request is refused.
  test("reads no body beyond its bound", async (t) => {
    const { url } = await start(t);
    const { port, pathname } = new URL(url);
    const socket = connect(Number(port), "127.0.0.1");
    t.after(() => socket.destroy());
    socket.on("error", () => {});
    socket
      .resume()
      .write(
        `POST ${pathname} HTTP/1.1\r\nHost: 127.0.0.1:${port}\r\nOrigin: http://127.0.0.1:${port}\r\n` +
          "Content-Type: application/x-www-form-urlencoded\r\nTransfer-Encoding: chunked\r\n\r\n",
      );
    const chunk = `4000\r\n${"a".repeat(0x4000)}\r\n`;
    const timer = setInterval(() => socket.write(chunk), 1);
    t.after(() => clearInterval(timer));
    await closed(socket);
  });

  test("is off by the option shareConnections", async (t) => {
    const { post } = await start(t, { shareConnections: false });
    assert.equal((await post([{ query: "topic=a" }])).status, 404);
  });
});
