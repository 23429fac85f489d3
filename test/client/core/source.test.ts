import assert from "node:assert/strict";
import { once } from "node:events";
import { afterEach, beforeEach, describe, it, mock } from "node:test";
import { StreamSource } from "../../../src/client/core/source.js";
import { parseAddress, type StreamAddress } from "../../../src/client/core/stream-address.js";
import type { StreamState } from "../../../src/client/index.js";
import { StreamServer } from "../../browser/stream-server.js";
import { until } from "../../support/until.js";

interface Failure {
  readonly status: number;
  readonly reason: string;
  readonly url: string;
}

let server: StreamServer;
let sources: StreamSource[];
/** The events of each source, in order. */
let failures: Failure[];
let ends: { reason: string; url: string }[];
/** The results of the next renewals; without one, no renewal succeeds. */
let renewals: ((address: StreamAddress) => StreamAddress)[];
let states: StreamState[];
let gaps: { requested: string; received: string }[];

function open(query = "topic=messages", origin = server.origin): StreamSource {
  const source = new StreamSource(parseAddress(`/hub?${query}`, server.origin), origin, {
    changed: (state) => states.push(state),
    failed: (detail) => failures.push(detail),
    ended: (detail) => ends.push(detail),
    renew: async (address) => renewals.shift()?.(address),
    gap: (detail) => gaps.push(detail),
  });
  sources.push(source);
  source.start();
  return source;
}

async function nextMessage(source: StreamSource, type = "message"): Promise<MessageEvent> {
  const [event] = (await once(source, type)) as [MessageEvent];
  return event;
}

describe("a stream source", () => {
  beforeEach(async () => {
    // The delay before the next attempt is random. This is the shortest one.
    mock.method(Math, "random", () => 0);
    server = await new StreamServer().start();
    sources = [];
    failures = [];
    states = [];
    gaps = [];
    ends = [];
    renewals = [];
  });

  afterEach(async () => {
    for (const source of sources) source.close();
    await server.kill();
    mock.restoreAll();
  });

  it("behaves as an EventSource", async () => {
    const source = open();
    const seen: string[] = [];
    source.onopen = () => seen.push(`open ${source.readyState === source.OPEN}`);
    source.onmessage = (event) => seen.push(event.data);
    assert.equal(source.readyState, source.CONNECTING);
    await once(source, "open");
    server.publish("hello");
    const event = await nextMessage(source);
    assert.deepEqual(seen, ["open true", "hello"]);
    assert.deepEqual(
      { id: event.lastEventId, origin: event.origin, url: source.url, credentials: source.withCredentials },
      { id: "urn:1", origin: server.origin, url: `${server.origin}/hub?topic=messages`, credentials: true },
    );
    source.close();
    assert.equal(source.readyState, source.CLOSED);
    await server.when(() => server.open === 0);
  });

  it("dispatches under the type that the stream names", async () => {
    const source = open();
    await once(source, "open");
    server.publish("x", { type: "score" });
    assert.equal((await nextMessage(source, "score")).data, "x");
  });

  it("sends token and position as headers, and keeps them out of the URL", async () => {
    open("topic=messages&lastEventID=start&authorization=a.b.c");
    await server.when(() => server.open === 1);
    const [{ query, headers } = assert.fail()] = server.subscriptions;
    assert.deepEqual([...query.keys()], ["topic"]);
    assert.deepEqual([headers.authorization, headers["last-event-id"]], ["Bearer a.b.c", "start"]);
  });

  for (const id of ["urn:é", "日本", " outer", "a\tb"]) {
    it(`sends the position ${JSON.stringify(id)}, which a header would change, in the query`, async () => {
      open(`topic=messages&lastEventID=${encodeURIComponent(id)}`);
      await server.when(() => server.open === 1);
      const [{ query, headers } = assert.fail()] = server.subscriptions;
      assert.deepEqual([query.get("lastEventID"), headers["last-event-id"]], [id, undefined]);
    });
  }

  it("sends the position in the query to a public hub of another origin, which avoids a preflight", async () => {
    open("topic=messages&lastEventID=start", "https://elsewhere.example");
    await server.when(() => server.open === 1);
    const [{ query, headers } = assert.fail()] = server.subscriptions;
    assert.deepEqual([query.get("lastEventID"), headers["last-event-id"]], ["start", undefined]);
  });

  const endings: [string, () => unknown][] = [
    ["the server's ending it", () => server.cut("end")],
    ["its breaking off", () => server.cut("destroy")],
    ["the server's restart", () => server.kill().then(() => server.start())],
  ];
  for (const [name, end] of endings) {
    it(`resumes from its position after ${name}`, async () => {
      const source = open("topic=messages&lastEventID=start");
      const received: string[] = [];
      const missed = new Promise<void>((resolve) => {
        source.onmessage = ({ data }) => {
          received.push(data);
          if (data === "missed") resolve();
        };
      });
      await once(source, "open");
      server.publish("seen");
      await nextMessage(source);
      await end();
      server.publish("missed");
      await missed;
      assert.deepEqual({ received, failures }, { received: ["seen", "missed"], failures: [] });
    });
  }

  it("reports each interruption by an error, and never as closed", async () => {
    const source = open();
    await once(source, "open");
    const states: number[] = [];
    source.onerror = () => states.push(source.readyState);
    const reopened = once(source, "open");
    server.cut();
    await reopened;
    assert.deepEqual(states, [source.CONNECTING]);
  });

  for (const status of [302, 400, 404, 408, 425, 429, 500, 502, 503, 504, 521]) {
    it(`retries after ${status}`, async () => {
      server.refuse({ status, headers: { "Retry-After": "0" } });
      await once(open(), "open");
      assert.deepEqual([server.subscriptions.length, failures], [2, []]);
    });
  }

  for (const status of [204, 401, 403, 410]) {
    it(`ends for good after ${status}, and reports it once`, async () => {
      server.refuse({ status });
      const source = open();
      const states: number[] = [];
      source.onerror = () => states.push(source.readyState);
      await once(source, "error");
      assert.deepEqual(states, [source.CONNECTING], "an error while CLOSED would have the extension make a new source");
      assert.equal(source.readyState, source.CLOSED);
      assert.deepEqual(failures, [{ status, reason: `status ${status}`, url: `${server.origin}/hub?topic=messages` }]);
      source.revive(0);
      assert.equal(source.readyState, source.CLOSED);
    });
  }

  it("retries after an answer that is not an event stream, such as the page of a proxy", async () => {
    server.refuse({ status: 200, headers: { "Content-Type": "text/html" }, body: "<p>Back soon" });
    await once(open(), "open");
    assert.deepEqual([server.subscriptions.length, failures, states], [2, [], ["offline", "open"]]);
  });

  it("reports a gap when the server's history starts after its position", async () => {
    const source = open("topic=messages&lastEventID=urn:gone");
    await once(source, "open");
    server.publish("x");
    await nextMessage(source);
    assert.deepEqual(gaps, [{ requested: "urn:gone", received: "earliest" }]);
  });

  it("reports no gap when the history is complete", async () => {
    await once(open("topic=messages&lastEventID=start"), "open");
    await once(open(), "open");
    assert.deepEqual(gaps, []);
  });

  it("stops dispatching once a listener has closed it, and resumes when reopened", async () => {
    const source = open();
    const received: string[] = [];
    source.onmessage = (event) => {
      received.push(event.data);
      if (event.data === "a") source.close();
    };
    await once(source, "open");
    server.write("id: urn:1\ndata: a\n\nid: urn:2\ndata: b\n\n");
    await server.when(() => server.open === 0);
    server.publish("a");
    server.publish("b");
    source.reopen(source.address, source.lastEventId);
    await nextMessage(source);
    assert.deepEqual(received, ["a", "b"]);
  });

  it("pauses while it is suspended, and then resumes from its position", async () => {
    const source = open();
    await once(source, "open");
    server.publish("a");
    await nextMessage(source);
    source.suspend();
    await server.when(() => server.open === 0);
    source.revive(0);
    server.publish("b");
    source.resume();
    assert.equal((await nextMessage(source)).data, "b");
    assert.equal(server.subscriptions.length, 2);
  });

  it("reconnects at once when it is revived while it waits", async () => {
    server.preamble = "retry: 3600000\n\n";
    const source = open();
    await once(source, "open");
    server.write(":\n");
    server.cut();
    await once(source, "error");
    source.revive(Number.POSITIVE_INFINITY);
    await once(source, "open");
  });

  it("stays closed to a revival before the server's Retry-After is over", async () => {
    server.refuse({ status: 503, headers: { "Retry-After": "3600" } });
    const source = open();
    await once(source, "error");
    source.revive(0);
    assert.equal(server.subscriptions.length, 1);
    assert.equal(source.readyState, source.CONNECTING);
  });

  it("replaces a connection after too long a silence, and no other", async () => {
    const source = open();
    await once(source, "open");
    source.revive(3_600_000);
    assert.equal(source.readyState, source.OPEN);
    source.revive(0);
    assert.equal(source.readyState, source.CONNECTING);
    await once(source, "open");
    await server.when(() => server.open === 1);
  });

  it("replaces a connection without a byte for two and a half intervals of the hub's comments", async () => {
    server.headers = { "Mercure-Keep-Alive": "0.02" };
    open();
    await server.when(() => server.subscriptions.length >= 3);
    assert.deepEqual(states.slice(0, 3), ["open", "offline", "open"]);
  });

  for (const [what, stopClock] of Object.entries({
    "the clock is set back": () => {
      const now = Date.now() - 3_600_000;
      mock.method(Date, "now", () => now);
    },
    "the other clock stops, as in the sleep of some devices": () => {
      const now = performance.now();
      mock.method(performance, "now", () => now);
    },
  })) {
    it(`notices a silence when ${what}`, async () => {
      server.headers = { "Mercure-Keep-Alive": "0.02" };
      const source = open();
      await once(source, "open");
      stopClock();
      const { length } = server.subscriptions;
      await server.when(() => server.subscriptions.length > length);
    });
  }

  it("keeps a silent connection to a hub that announces no comments", async () => {
    const source = open();
    await once(source, "open");
    server.publish("late");
    assert.equal((await nextMessage(source)).data, "late");
    assert.deepEqual([server.subscriptions.length, states], [1, ["open"]]);
  });

  it("changes its connection without an error when the server has ended it as planned", async (t) => {
    t.mock.timers.enable({ apis: ["Date"], now: Date.now() });
    const source = open();
    source.onerror = () => assert.fail("a planned end must not be an error");
    await once(source, "open");
    t.mock.timers.tick(5_000);
    server.cut("end");
    await once(source, "open");
    assert.deepEqual(states, ["open", "connecting", "open"]);
  });

  for (const status of [401, 403]) {
    it(`renews its token once after ${status}, and is denied when the hub refuses the new one too`, async () => {
      renewals = [1, 2].map(() => (address) => address);
      server.refuse({ status });
      await once(open(), "open");
      assert.deepEqual([renewals.length, states, failures], [1, ["open"], []]);
      server.refuse({ status }, { status }, { status });
      server.cut();
      await server.when(() => server.subscriptions.length === 4);
      await until(() => states.at(-1) === "denied");
      assert.deepEqual([server.subscriptions.length, renewals.length, failures.length], [4, 0, 1]);
    });
  }

  it("uses a renewed token from the next connection on", async () => {
    const source = open("topic=messages&authorization=old");
    await once(source, "open");
    source.renewToken(parseAddress("/hub?topic=messages&authorization=new", server.origin));
    const reopened = once(source, "open");
    server.cut();
    await reopened;
    assert.deepEqual(
      server.subscriptions.map(({ headers }) => headers.authorization),
      ["Bearer old", "Bearer new"],
    );
  });
});
