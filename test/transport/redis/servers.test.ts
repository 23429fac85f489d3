import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { describe, type TestContext, test } from "node:test";
import { RedisTransport, type RedisTransportOptions } from "../../../src/transport/redis/redis.js";
import { freePort } from "../../support/free-port.js";
import { RedisServer, type RedisServerOptions, withoutRedis } from "../../support/redis.js";
import { until } from "../../support/until.js";
import { assertHeardAlike, faultUnderLoad } from "../fault-under-load.js";
import { type HeardNode, heardNode } from "../heard-node.js";

async function startServer(t: TestContext, lines: readonly string[] = [], more: RedisServerOptions = {}) {
  const server = await RedisServer.start({ lines, ...more });
  t.after(() => server.stop());
  return server;
}

function open(t: TestContext, options: RedisTransportOptions) {
  return heardNode(t, (common) => new RedisTransport({ ...common, ...options }));
}

/** Makes a certificate for this machine. */
function certificate(folder: string): { key: string; cert: string } {
  const [key, cert] = [join(folder, "key.pem"), join(folder, "cert.pem")];
  execFileSync(
    "openssl",
    [
      ...["req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "1", "-subj", "/CN=localhost"],
      ...["-addext", "subjectAltName=DNS:localhost,IP:127.0.0.1", "-keyout", key, "-out", cert],
    ],
    { stdio: "ignore" },
  );
  return { key, cert };
}

const draft = (data: string, fields = {}) => ({ topics: ["t"], data, private: false, ...fields });

/** Publishes until an update is rejected for the expected reason: on a busy machine the first can be late for another. */
async function rejects(publish: () => Promise<unknown>, reason: RegExp): Promise<void> {
  await until(async () => {
    const error = await publish().then(
      () => assert.fail("the update was acknowledged"),
      (rejection: Error & { code?: string }) => rejection,
    );
    assert.equal(error.code, "ERR_TRANSPORT", error.message);
    return reason.test(error.message);
  });
}

/** Publishes until an update is acknowledged. */
async function succeeds(publish: () => Promise<unknown>): Promise<void> {
  await until(() =>
    publish()
      .then(() => true)
      .catch(() => false),
  );
}

describe("nodes over a Redis server", { skip: withoutRedis }, () => {
  for (const [name, fault] of Object.entries<(server: RedisServer, nodes: readonly HeardNode[]) => Promise<unknown>>({
    "is killed, with its updates on the disk": async (server) => {
      await server.kill();
      await server.run();
    },
    "hangs for longer than a call may take": async (server, nodes) => {
      server.stall();
      await until(() => nodes.every(({ transport }) => transport.state === "away"));
      server.resume();
    },
    "cuts all connections": (server) => server.command("CLIENT", "KILL", "TYPE", "normal"),
  })) {
    test(`lose and repeat nothing when the server ${name}`, async (t) => {
      const server = await startServer(t, ["appendonly yes", "appendfsync always"]);
      const nodes = [0, 1].map(() => open(t, { url: server.url, durability: "disk", historyLength: 1_000_000 }));
      await faultUnderLoad(nodes, () => fault(server, nodes));
    });
  }

  test("use no position again when the server comes back empty, and continue", async (t) => {
    const server = await startServer(t);
    const nodes = [0, 1].map(() => open(t, { url: server.url }));
    await Promise.all(nodes.map(({ transport }) => transport.ready));
    const [a, b] = nodes as [(typeof nodes)[0], (typeof nodes)[0]];
    const { id } = await a.transport.publish(draft("before"));
    await until(() => b.heard.length === 1);
    await server.kill();
    await server.run();
    await a.transport.publish(draft("after"));
    await until(() => b.heard.length === 2);
    assert.deepEqual(
      [a.heard, b.heard],
      [
        ["before", "after"],
        ["before", "after"],
      ],
    );
    assert.ok(a.positions[1]! > a.positions[0]!);
    assert.deepEqual([a.gaps, b.gaps], [[], []]);
    // The key of the cursors comes back from the nodes.
    assert.equal(await b.transport.positionOf(id), a.positions[0]);
  });

  test("reject updates that the server has no memory for, and continue once there is room", async (t) => {
    const server = await startServer(t, ["maxmemory-policy noeviction"]);
    const { transport } = open(t, { url: server.url, publishTimeout: 2 });
    await transport.ready;
    await server.command("CONFIG", "SET", "maxmemory", "1");
    await rejects(() => transport.publish(draft("1")), /OOM/);
    await server.command("CONFIG", "SET", "maxmemory", "0");
    await succeeds(() => transport.publish(draft("2")));
  });

  test("refuse a server that deletes keys when its memory is full", async (t) => {
    const server = await startServer(t, ["maxmemory 100mb", "maxmemory-policy allkeys-lru"]);
    const { lines, transport } = open(t, { url: server.url });
    await until(() => lines.length > 0);
    assert.match(lines[0]!, /Redis is unreachable: the server deletes keys .* Set maxmemory-policy to noeviction/);
    assert.equal(transport.state, "starting");
  });

  test("refuse the durability disk where the server cannot promise it", async (t) => {
    const server = await startServer(t);
    const without = open(t, { url: server.url, durability: "disk" });
    await until(() => without.lines.length > 0);
    assert.match(without.lines[0]!, /does not write to its disk.* Set appendonly to yes/);
    const everySecond = await startServer(t, ["appendonly yes", "appendfsync everysec"]);
    const isTruthful = /redis_version:([89]|\d\d)/.test(String(await everySecond.command("INFO", "server")));
    const second = open(t, { url: everySecond.url, durability: "disk" });
    if (isTruthful) await second.transport.publish(draft("1"));
    else {
      await until(() => second.lines.length > 0);
      const reason = /(Redis|Valkey) \d\S+ does not say when an update is on its disk.* Set appendfsync to always/;
      assert.match(second.lines[0]!, reason);
    }
  });

  test("acknowledge an update once the promised number of replicas has it", async (t) => {
    const master = await startServer(t);
    const { transport } = open(t, { url: master.url, durability: "replica", publishTimeout: 2 });
    await transport.ready;
    await rejects(() => transport.publish(draft("1")), /0 of 1 replicas/);
    const replica = await startServer(t, [`replicaof 127.0.0.1 ${master.port}`]);
    await until(async () => String(await replica.command("INFO", "replication")).includes("master_link_status:up"));
    await succeeds(() => transport.publish(draft("2")));
    const reader = open(t, { url: replica.url });
    await until(() => reader.lines.length > 0);
    assert.match(reader.lines[0]!, /the server is a replica/);
  });

  test("share a server under different prefixes", async (t) => {
    const server = await startServer(t);
    const [one, two] = ["one", "two"].map((prefix) => open(t, { url: server.url, prefix })) as [
      ReturnType<typeof open>,
      ReturnType<typeof open>,
    ];
    await Promise.all([one.transport.publish(draft("1")), two.transport.publish(draft("2"))]);
    assert.deepEqual([one.heard, two.heard], [["1"], ["2"]]);
  });

  test("wait while a server loads its data, and have all of them afterwards", async (t) => {
    const server = await startServer(t, ["loading-process-events-interval-bytes 1024"]);
    const before = open(t, { url: server.url });
    await before.transport.publish(draft("before"));
    await before.transport.close();
    // The server pauses at each key that it loads.
    const others = Array.from({ length: 400 }, (_, i) => [`other-${i}`, "x".repeat(1000)]).flat();
    await server.command("MSET", ...others);
    await server.command("CONFIG", "SET", "save", "3600 1");
    await server.command("SHUTDOWN", "SAVE").catch(() => {});
    await server.kill();
    const loaded = server.run(["--key-load-delay", "10000"]);
    const { transport, lines } = open(t, { url: server.url });
    await until(() => lines.some((line) => line.includes("LOADING")));
    assert.equal(transport.state, "starting");
    await loaded;
    await transport.ready;
    assert.deepEqual(
      transport.read({ topics: "*", after: 0 }).updates.map(({ update }) => update.data),
      ["before"],
    );
    await transport.publish(draft("after"));
  });

  test("say that the server has become a replica, and continue without a loss once it is a master again", async (t) => {
    const server = await startServer(t);
    const other = await startServer(t);
    const nodes = [0, 1].map(() => open(t, { url: server.url }));
    const impatient = open(t, { url: server.url, publishTimeout: 2 });
    await Promise.all([...nodes, impatient].map(({ transport }) => transport.ready));
    await nodes[0]!.transport.publish(draft("1"));
    await until(() => nodes[1]!.heard.length === 1);
    // It keeps its data, because it never reaches its new master.
    await other.kill();
    await server.command("REPLICAOF", "127.0.0.1", String(other.port));
    const second = nodes[0]!.transport.publish(draft("2"));
    const message = /READONLY|the server is a replica; the URL must lead to the master/;
    await rejects(() => impatient.transport.publish(draft("never")), message);
    await server.command("REPLICAOF", "NO", "ONE");
    await second;
    await nodes[1]!.transport.publish(draft("3"));
    await assertHeardAlike(nodes, ["1", "2", "3"]);
  });

  test("notice at run time that the server may delete keys, and continue once it may not", async (t) => {
    const server = await startServer(t);
    const { transport, lines } = open(t, { url: server.url });
    await transport.ready;
    await server.command("CONFIG", "SET", "maxmemory-policy", "allkeys-random", "maxmemory", "100mb");
    await until(() => transport.state === "away");
    assert.match(lines[0]!, /deletes keys when its memory is full \(maxmemory-policy allkeys-random\)/);
    await server.command("CONFIG", "SET", "maxmemory-policy", "volatile-lru");
    await transport.publish(draft("1"));
    assert.match(lines.at(-1)!, /reachable again/);
  });

  test("acknowledge nothing that fewer replicas have than promised", async (t) => {
    const master = await startServer(t);
    const replica = await startServer(t, [`replicaof 127.0.0.1 ${master.port}`]);
    await until(async () => String(await replica.command("INFO", "replication")).includes("master_link_status:up"));
    const { transport } = open(t, { url: master.url, durability: "replica", replicas: 2, publishTimeout: 2 });
    await transport.ready;
    await rejects(() => transport.publish(draft("1")), /1 of 2 replicas/);
  });

  test("connect over TLS with a user and a password", async (t) => {
    const { key, cert } = certificate((await startServer(t)).folder);
    const port = await freePort();
    await startServer(t, [
      ...[`tls-port ${port}`, `tls-cert-file ${cert}`, `tls-key-file ${key}`, "tls-auth-clients no"],
      "user app on >p@ss/word ~* +@all",
    ]);
    const url = `rediss://app:p%40ss%2Fword@localhost:${port}`;
    const good = open(t, { url, tls: { ca: readFileSync(cert) } });
    await good.transport.publish(draft("1"));
    const untrusted = open(t, { url });
    const wrong = open(t, { url: url.replace("p%40", ""), tls: { ca: readFileSync(cert) } });
    await until(() => untrusted.lines.length > 0 && wrong.lines.length > 0);
    assert.match(untrusted.lines[0]!, /self-signed certificate/);
    assert.match(wrong.lines[0]!, /WRONGPASS/);
    assert.doesNotMatch(wrong.lines[0]!, /ss%2Fword|ss\/word/);
  });

  test("follow a fail-over that sentinels make, and lose nothing that a replica has", async (t) => {
    const master = await startServer(t);
    const replica = await startServer(t, [`replicaof 127.0.0.1 ${master.port}`]);
    await until(async () => String(await replica.command("INFO", "replication")).includes("master_link_status:up"));
    const sentinel = await startServer(
      t,
      [
        `sentinel monitor hub 127.0.0.1 ${master.port} 1`,
        // A master that only waits for a busy machine must not be replaced: this test says when it is down.
        "sentinel down-after-milliseconds hub 600000",
        "sentinel failover-timeout hub 2000",
      ],
      { isSentinel: true },
    );
    await until(async () =>
      String(await sentinel.command("SENTINEL", "REPLICAS", "hub")).includes(String(replica.port)),
    );
    const url = `redis+sentinel://127.0.0.1:${await freePort()},127.0.0.1:${sentinel.port}/hub`;
    const nodes = [0, 1].map(() => open(t, { url, durability: "memory", historyLength: 1_000_000 }));
    await Promise.all(nodes.map(({ transport }) => transport.ready));
    for (let i = 0; i < 100; i++) await nodes[i % 2]!.transport.publish(draft(`${i}`));
    await master.command("WAIT", "1", "1000");
    await until(async () => {
      const info = String(await replica.command("HGET", "{mercure}:meta", "last"));
      return Number(info) >= nodes[0]!.transport.head;
    });
    await master.kill();
    await sentinel.command("SENTINEL", "SET", "hub", "down-after-milliseconds", "500");
    for (let i = 100; i < 200; i++) await nodes[i % 2]!.transport.publish(draft(`${i}`));
    await assertHeardAlike(
      nodes,
      Array.from({ length: 200 }, (_, i) => `${i}`),
    );
  });

  test("find the master over TLS with a sentinel, which names it by its address", async (t) => {
    const { key, cert } = certificate((await startServer(t)).folder);
    const tls = [`tls-cert-file ${cert}`, `tls-key-file ${key}`, `tls-ca-cert-file ${cert}`, "tls-auth-clients no"];
    const [dataPort, sentinelPort] = [await freePort(), await freePort()];
    await startServer(t, [...tls, `tls-port ${dataPort}`, "user app on >hunter2 ~* &* +@all"]);
    const lines = [`sentinel monitor hub 127.0.0.1 ${dataPort} 1`];
    await startServer(t, [...tls, "tls-replication yes", `tls-port ${sentinelPort}`, ...lines], { isSentinel: true });
    const url = `rediss+sentinel://app:hunter2@127.0.0.1:${sentinelPort}/hub`;
    const warnings: string[] = [];
    const warned = ({ message }: Error) => void warnings.push(message);
    process.on("warning", warned);
    t.after(() => process.off("warning", warned));
    const { transport } = open(t, { url, tls: { ca: readFileSync(cert) } });
    await transport.publish(draft("1"));
    assert.deepEqual(
      warnings.filter((message) => message.includes("ServerName")),
      [],
    );
  });

  test("find the master of their keys in a cluster", async (t) => {
    // By default the servers of a cluster talk at a port 10,000 above their own, which can be in use.
    const clusterPorts = [await freePort(), await freePort()];
    const masters = await Promise.all(
      clusterPorts.map((port) =>
        startServer(t, ["cluster-enabled yes", "cluster-node-timeout 1000", `cluster-port ${port}`]),
      ),
    );
    const [one, two] = masters as [RedisServer, RedisServer];
    await one.command("CLUSTER", "ADDSLOTSRANGE", "0", "8191");
    await two.command("CLUSTER", "ADDSLOTSRANGE", "8192", "16383");
    await one.command("CLUSTER", "MEET", "127.0.0.1", String(two.port), String(clusterPorts[1]));
    await until(async () => {
      const states = await Promise.all(masters.map((each) => each.command("CLUSTER", "INFO")));
      return states.every((state) => String(state).includes("cluster_state:ok"));
    });
    const url = `redis+cluster://127.0.0.1:${one.port},127.0.0.1:${two.port}`;
    for (const prefix of ["a", "b", "c", "d"]) {
      const nodes = [0, 1].map(() => open(t, { url, prefix }));
      for (let i = 0; i < 10; i++) await nodes[i % 2]!.transport.publish(draft(`${i}`));
      const last = nodes[1]!;
      await until(() => last.heard.includes("9"));
    }
    const sizes = await Promise.all(masters.map((each) => each.command("DBSIZE")));
    assert.ok(sizes.every((size) => Number(size) > 0));
  });
});
