import assert from "node:assert/strict";
import type { IncomingMessage } from "node:http";
import { describe, test } from "node:test";
import fc from "fast-check";
import { SubscriptionScope } from "../../../src/hub/fan-out/subscription-scope.js";
import { addressOf, ConnectionQuotas } from "../../../src/hub/limits/connection-quotas.js";
import { StreamSlot } from "../../../src/hub/limits/stream-slot.js";
import { SubscriptionBudget } from "../../../src/hub/limits/subscription-budget.js";
import { Lifetime } from "../../../src/hub/streams/lifetime.js";
import type { Replay } from "../../../src/transport/transport.js";
import { cases } from "../../support/cases.js";
import { matchersOf } from "../../support/matchers-of.js";
import { RemoteTransport, startHub, subscribe, token, until } from "../fixture.js";

const req = { rawHeaders: [], socket: { remoteAddress: "10.0.0.1" } } as unknown as IncomingMessage;
const bearer = (value: string) => ({ Authorization: `Bearer ${value}` });

describe("limits of connections", () => {
  test("reject a connection above the total with 429, until another ends", async (t) => {
    const { hub, url } = await startHub(t, { maxConnections: 2 });
    const first = await subscribe(t, url("a"));
    await subscribe(t, url("a"));
    const refused = await subscribe(t, url("a"));
    assert.equal(refused.status, 429);
    assert.ok(Number(refused.headers["retry-after"]) > 0);
    assert.equal(refused.headers["content-type"], "application/problem+json");
    first.close();
    await until(() => hub.connections === 1);
    assert.equal((await subscribe(t, url("a"))).status, 200);
  });

  test("reject a connection above the max of its address with 429", async (t) => {
    const { url } = await startHub(t, { maxConnectionsPerAddress: 1 });
    assert.equal((await subscribe(t, url("a"))).status, 200);
    assert.equal((await subscribe(t, url("a"))).status, 429);
  });

  // One account, or one stolen token, opens all the connections that the hub allows.
  test("count the tokens of one subject together", async (t) => {
    const { url } = await startHub(t, { maxConnectionsPerSubject: 1 });
    const of = async (sub: string | undefined, jti: string) =>
      (await subscribe(t, url("a"), bearer(await token({}, { ...(sub && { sub }), jti })))).status;
    assert.equal(await of("1", "a"), 200);
    assert.equal(await of("1", "b"), 429);
    assert.equal(await of("2", "c"), 200);
    assert.deepEqual([await of(undefined, "d"), await of(undefined, "d")], [200, 200]);
  });

  // A connection is not open while its history is read, and many connections would pass the limit together.
  test("count connections that still wait for their answer", async (t) => {
    const { url } = await startHub(t, { maxConnections: 1, transport: new RemoteTransport() });
    const all = await Promise.all(Array.from({ length: 5 }, () => subscribe(t, url("a", { lastEventID: "earliest" }))));
    assert.deepEqual(all.map(({ status }) => status).sort(), [200, 429, 429, 429, 429]);
  });

  describe("count a named stream once while its next connection takes the place of the last one", () => {
    const key = "0".repeat(32);
    const next = (turn: number, name = key) => ({ stream: `${name}.${turn}` });

    for (const limit of ["maxConnections", "maxConnectionsPerAddress", "maxConnectionsPerSubject"] as const) {
      test(`for ${limit}`, async (t) => {
        const { hub, url } = await startHub(t, { [limit]: 2 });
        const header = bearer(await token({}, { sub: "1" }));
        const open = (parameters: Record<string, string>) => subscribe(t, url("a", parameters), header);
        const other = await open({});
        let last = await open(next(1));
        for (let turn = 2; turn < 5; turn++) {
          const connection = await open(next(turn));
          assert.equal(connection.status, 200);
          await last.until(({ ended }) => ended);
          last = connection;
        }
        assert.equal((await open(next(1, "1".repeat(32)))).status, 429);
        assert.equal((await subscribe(t, url("b", next(9)), header)).status, 429, "the stream of another topic");
        other.close();
        await until(() => hub.connections === 1);
        assert.equal((await open({})).status, 200);
        assert.equal((await open({})).status, 429);
      });
    }

    test("for the first of several connections that wait for their answer", async (t) => {
      const transport = new RemoteTransport();
      const { hub, url } = await startHub(t, { maxConnections: 1, transport });
      await subscribe(t, url("a", next(1)));
      let answer = () => {};
      const answered = new Promise<void>((resolve) => {
        answer = resolve;
      });
      const { read } = transport;
      transport.read = (query) => answered.then(() => read.call(transport, query)) as unknown as Replay;
      const statuses: number[] = [];
      const all = Array.from({ length: 5 }, async (_, index) => {
        const { status } = await subscribe(t, url("a", { ...next(index + 2), lastEventID: "earliest" }));
        statuses.push(status);
      });
      await until(() => statuses.length === 4);
      answer();
      await Promise.all(all);
      assert.deepEqual(statuses, [429, 429, 429, 429, 200]);
      await until(() => hub.connections === 1);
      assert.equal((await subscribe(t, url("a"))).status, 429);
    });

    test("until that connection fails", async (t) => {
      const { hub, url } = await startHub(t, { maxConnections: 1 });
      const first = await subscribe(t, url("a", next(1)));
      for (let i = 0; i < 3; i++) assert.equal((await subscribe(t, url("a", next(2)), {}, "HEAD")).status, 200);
      assert.equal((await subscribe(t, url("a"))).status, 429);
      first.close();
      await until(() => hub.connections === 0);
      assert.equal((await subscribe(t, url("a"))).status, 200);
      assert.equal((await subscribe(t, url("a"))).status, 429);
    });

    test("in the count of addresses that begins meanwhile", () => {
      const limits = new ConnectionQuotas({ total: 0, perAddress: 2, perSubject: 0 });
      const client = () => ({ address: "a", subject: undefined });
      const [first, second, third] = [client(), client(), client()];
      limits.acquire(first);
      limits.acquire(second, first);
      limits.acquire(third);
      assert.throws(() => limits.acquire(client()), { status: 429 });
      limits.release(second, first);
      assert.throws(() => limits.acquire(client()), { status: 429 });
      limits.release(first);
      limits.acquire(client());
      assert.throws(() => limits.acquire(client()), { status: 429 });
    });
  });

  test("leave out rejected requests, HEAD requests and closed connections", async (t) => {
    const { hub, url } = await startHub(t, { maxConnections: 1 });
    for (let i = 0; i < 3; i++) {
      assert.equal((await subscribe(t, url("a"), {}, "HEAD")).status, 200);
      assert.equal((await subscribe(t, url("a"), bearer("bad"))).status, 401);
      const subscriber = await subscribe(t, url("a"));
      assert.equal(subscriber.status, 200);
      subscriber.close();
      await until(() => hub.connections === 0);
    }
  });

  /** The bounds of a hub that takes one stream. */
  const oneStream = (bytes: number) => {
    const connections = new ConnectionQuotas<StreamSlot>({ total: 1, perAddress: 0, perSubject: 0 });
    return { connections, memory: new SubscriptionBudget({ total: bytes, perAddress: 0 }, connections) };
  };
  const scope = (...selectors: string[]) => new SubscriptionScope(matchersOf(selectors), matchersOf([]));

  test("release a connection once, however often it is released", () => {
    const bounds = oneStream(1e6);
    const slot = new StreamSlot(bounds, req, undefined, scope("/a/{x}"));
    slot.release();
    slot.release();
    assert.equal(bounds.memory.bytes, 0);
    new StreamSlot(bounds, req, undefined, scope("/a/{x}"));
    assert.throws(() => new StreamSlot(bounds, req, undefined, scope("a")), { status: 429 });
  });

  test("leave out a stream that is rejected for its memory", () => {
    const bounds = oneStream(5000);
    assert.throws(() => new StreamSlot(bounds, req, undefined, scope("/a/{x}")), { status: 429 });
    new StreamSlot(bounds, req, undefined, scope("a"));
  });

  test("are disabled by 0", () => {
    const limits = new ConnectionQuotas({ total: 0, perAddress: 0, perSubject: 0 });
    for (let i = 0; i < 1000; i++) limits.acquire({ address: "a", subject: "b" });
  });

  test("resolve addresses once one can exceed its share, and then count the earlier connections too", () => {
    const limits = new ConnectionQuotas({ total: 0, perAddress: 3, perSubject: 0 });
    let asked = 0;
    const client = (name: string) => ({
      subject: undefined,
      get address() {
        asked++;
        return name;
      },
    });
    const [a, b] = [client("a"), client("b")];
    for (const each of [a, b, client("a")]) limits.acquire(each);
    assert.equal(asked, 0);
    limits.acquire(client("a"));
    assert.throws(() => limits.acquire(client("a")), { status: 429 });
    limits.acquire(client("b"));
    assert.ok(limits.release(a));
    assert.equal(limits.release(a), false);
    limits.acquire(client("a"));
    assert.throws(() => limits.acquire(client("a")), { status: 429 });
  });
});

describe("the address of a client", () => {
  const of = (remoteAddress: string | undefined, ip?: unknown) =>
    addressOf({ socket: { remoteAddress }, ip } as unknown as IncomingMessage);

  test("is Express's, with its trusted proxies, else the socket's", () => {
    assert.equal(of("10.0.0.1", "203.0.113.7"), "203.0.113.7");
    assert.equal(of("10.0.0.1"), "10.0.0.1");
    assert.equal(of(undefined), "");
  });

  // One host can connect from 2^64 IPv6 addresses.
  test("is the network for IPv6", () => {
    assert.equal(of("::ffff:203.0.113.7"), "203.0.113.7");
    assert.equal(of("2001:db8:1:2:3:4:5:6"), of("2001:DB8:1:2::1"));
    assert.equal(of("2001:db8::1"), "2001:db8:0:0::/64");
    assert.equal(of("fe80::1%eth0"), "fe80:0:0:0::/64");
    assert.notEqual(of("2001:db8:1:2::1"), of("2001:db8:1:3::1"));
  });

  test("is parsed from any text", () => {
    fc.assert(
      fc.property(fc.oneof(fc.ipV6(), fc.string(), fc.string({ unit: fc.constantFrom(..."0:a%.f") })), (text) => {
        assert.equal(typeof of(text), "string");
      }),
      { numRuns: cases(10_000) },
    );
  });
});

describe("the max lifetime", () => {
  test("is spread at random over its last fifth, and never exceeds the token's expiry", () => {
    const endOf = (random: number, expiresAt?: number) =>
      new Lifetime(
        100,
        () => random,
        () => 5000,
      ).endOf(expiresAt);
    assert.deepEqual([endOf(0), endOf(0.5), endOf(1)], [105_000, 95_000, 85_000]);
    assert.equal(endOf(0, 50_000), 50_000);
    assert.equal(endOf(0, 500_000), 105_000);
    assert.equal(new Lifetime(0).endOf(undefined), undefined);
    assert.equal(new Lifetime(0).endOf(7), 7);
  });

  test("ends streams of every kind", async (t) => {
    // Ends are whole seconds: in two seconds of the real clock the two streams would have two ends.
    t.mock.timers.enable({ apis: ["setTimeout", "Date"], now: Math.floor(Date.now() / 1000) * 1000 });
    t.mock.method(Math, "random", () => 0.5);
    const { hub, url } = await startHub(t, { connectionLifetime: 1000 });
    const anonymous = await subscribe(t, url("a"));
    const bearing = await subscribe(t, url("a"), bearer(await token({ subscribe: ["a"] })));
    t.mock.timers.tick(899_000);
    assert.equal(hub.connections, 2);
    t.mock.timers.tick(1000);
    assert.equal(hub.connections, 0);
    await Promise.all([anonymous, bearing].map((subscriber) => subscriber.until(({ ended }) => ended)));
  });
});
