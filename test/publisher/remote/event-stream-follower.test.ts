import assert from "node:assert/strict";
import { createServer, type RequestListener } from "node:http";
import type { AddressInfo } from "node:net";
import { describe, type TestContext, test } from "node:test";
import {
  type Followed,
  type FollowOptions,
  followEventStream,
  NoEventStream,
  precedingIdOf,
} from "../../../src/publisher/remote/event-stream-follower.js";

const eventStream = { "Content-Type": "text/event-stream" };

async function serve(t: TestContext, answer: RequestListener): Promise<string> {
  const server = createServer(answer);
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  t.after(() => {
    server.close();
    server.closeAllConnections();
  });
  return `http://127.0.0.1:${(server.address() as AddressInfo).port}/`;
}

/** Follows until the last step that a test wants. */
async function stepsUntil(
  url: string,
  isLast: (step: Followed, steps: readonly Followed[]) => boolean,
  options: Partial<FollowOptions> = {},
): Promise<Followed[]> {
  const steps: Followed[] = [];
  const { signal } = new AbortController();
  const follower = followEventStream({ url, headers: () => ({}), signal, minRetry: 1, maxRetry: 1, ...options });
  for await (const step of follower) {
    steps.push(step);
    if (isLast(step, steps)) break;
  }
  return steps;
}

const isSecondEvent = (step: Followed, steps: readonly Followed[]) =>
  step.kind === "event" && steps.filter(({ kind }) => kind === "event").length === 2;

describe("a follower of an event stream", () => {
  test("resumes each connection after the last id, whatever its characters", async (t) => {
    const asked: (string | undefined)[] = [];
    const url = await serve(t, (req, res) => {
      const id = req.headers["last-event-id"] as string | undefined;
      asked.push(id === undefined ? undefined : Buffer.from(id, "latin1").toString());
      res.writeHead(200, eventStream);
      if (asked.length === 1) res.end("id: é🎉\n\n");
      else res.write("data: one\n\nid: 2\ndata: two\n\n");
    });
    const steps = await stepsUntil(url, isSecondEvent);
    assert.deepEqual(asked, [undefined, "é🎉"]);
    assert.deepEqual(
      steps.map((step) => (step.kind === "event" ? step.event.lastEventId : step.kind)),
      ["open", "position", "closed", "open", "é🎉", "position", "2"],
    );
  });

  test("requests new headers before each connection, since tokens expire", async (t) => {
    const seen: unknown[] = [];
    const url = await serve(t, (req, res) => {
      seen.push(req.headers.authorization);
      res.writeHead(200, eventStream).end("data: x\n\n");
    });
    let number = 0;
    await stepsUntil(url, isSecondEvent, { headers: () => ({ Authorization: `Bearer ${++number}` }) });
    assert.deepEqual(seen, ["Bearer 1", "Bearer 2"]);
  });

  test("waits as long as the server says, backs off after failures, and keeps to its bound", async (t) => {
    const answers: RequestListener[] = [
      (_req, res) => res.writeHead(200, eventStream).end("retry: 2\n\n"),
      (_req, res) => res.writeHead(503).end(),
      (_req, res) => res.writeHead(503).end(),
      (_req, res) => res.writeHead(200, eventStream).end("retry: 86400000\n\n"),
    ];
    const url = await serve(t, (req, res) => answers.shift()!(req, res));
    const steps = await stepsUntil(url, () => answers.length === 0, { maxRetry: 20 });
    const waits = steps.flatMap((step) => (step.kind === "closed" ? [step.wait] : []));
    assert.equal(waits[0], 2);
    assert.ok(waits[1]! >= 2 && waits[1]! <= 4, String(waits));
    assert.ok(waits[2]! >= 4 && waits[2]! <= 8, String(waits));
  });

  test("waits out Retry-After, however long", async (t) => {
    const url = await serve(t, (_req, res) => res.writeHead(429, { "Retry-After": "3600" }).end());
    const [step] = await stepsUntil(url, () => true);
    assert.equal(step?.kind === "closed" && step.wait, 3_600_000);
  });

  for (const [answer, status] of [
    ["a page of a proxy", 200],
    ["a redirect", 302],
    ["a refusal", 403],
  ] as const) {
    test(`rejects ${answer}, which is not an event stream`, async (t) => {
      const url = await serve(t, (_req, res) => res.writeHead(status, { Location: "/" }).end("<html>"));
      const [step] = await stepsUntil(url, () => true);
      assert.ok(step?.kind === "closed" && step.reason instanceof NoEventStream);
      assert.equal(step.reason.response.status, status);
    });
  }

  test("drops a connection whose event exceeds the bound, on one line or on many", async (t) => {
    for (const part of ["data: ", "x".repeat(10), "data: x\n"]) {
      const url = await serve(t, (_req, res) => {
        res.writeHead(200, eventStream);
        const write = (): void => {
          while (!res.destroyed && res.write(part));
          res.once("drain", write);
        };
        write();
      });
      const steps = await stepsUntil(url, ({ kind }) => kind === "closed", { maxEventLength: 1000 });
      const last = steps.at(-1);
      assert.ok(last?.kind === "closed" && last.reason instanceof RangeError, String(last));
    }
  });

  test("closes its connection when the caller leaves, and when its signal aborts", async (t) => {
    const closed: Promise<void>[] = [];
    const url = await serve(t, (req, res) => {
      closed.push(new Promise((resolve) => req.socket.once("close", resolve)));
      res.writeHead(200, eventStream).write("data: x\n\n");
    });
    await stepsUntil(url, ({ kind }) => kind === "event");
    const controller = new AbortController();
    const steps = await stepsUntil(
      url,
      ({ kind }) => {
        if (kind === "event") controller.abort();
        return false;
      },
      { signal: controller.signal },
    );
    assert.equal(steps.at(-1)?.kind, "event");
    await Promise.all(closed);
  });

  test("reads the id of the preceding event from the header of either protocol version", () => {
    const answer = (headers: Record<string, string>) => new Response("", { headers });
    assert.equal(precedingIdOf(answer({ "Last-Event-ID": "a" })), "a");
    assert.equal(precedingIdOf(answer({ "Mercure-Last-Event-ID": "b" })), "b");
    assert.equal(precedingIdOf(answer({})), undefined);
  });
});
