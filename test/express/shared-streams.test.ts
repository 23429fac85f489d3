import assert from "node:assert/strict";
import { describe, type TestContext, test } from "node:test";
import { application } from "../support/application.js";
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
  const post = (parts: Part[], headers: Record<string, string> = { "Sec-Fetch-Site": "same-origin" }) => {
    const body = new URLSearchParams(
      parts.flatMap(({ query, token = "", position = "" }): [string, string][] => [
        ["query", query],
        ["token", token],
        ["position", position],
      ]),
    );
    const abort = new AbortController();
    t.after(() => abort.abort());
    return fetch(url, { method: "POST", body, headers, signal: abort.signal });
  };
  /** Opens streams. The answers grow with what comes. */
  const open = async (parts: Part[]) => {
    const response = await post(parts);
    assert.equal(response.status, 200);
    const answers: Answer[] = parts.map(() => ({ status: 0, headers: {}, text: "", hasEnded: false }));
    const ended = readFrames(response, answers);
    t.after(() => ended.catch(() => {}));
    return { answers, ended, response };
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

  // A page joins the token of one stream with the topics of another, to read what none of its tokens grants.
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
      [{ query: `topic=${"a".repeat(200_000)}` }],
    ];
    for (const parts of requests) assert.equal((await post(parts)).status, 400);
    assert.equal((await fetch(url)).status, 405);
    assert.equal(kit.hub.connections, 0);
  });

  test("is off by the option shareConnections", async (t) => {
    const { post } = await start(t, { shareConnections: false });
    assert.equal((await post([{ query: "topic=a" }])).status, 404);
  });
});
