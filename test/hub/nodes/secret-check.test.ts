import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { SecretCheck } from "../../../src/hub/nodes/secret-check.js";
import type { Transport } from "../../../src/transport/transport.js";
import { until } from "../../support/until.js";
import { turn } from "../fixture.js";
import { NodeCluster } from "./node-cluster.js";

const [one, other] = ["1".repeat(32), "2".repeat(32)];

/** Connects a node that checks its secret. Its refusals are listed. */
async function start(cluster: NodeCluster, secret: string) {
  const { transport, link } = await cluster.connect();
  const refusals: string[] = [];
  const check = new SecretCheck(transport, secret, ({ code, message }) => refusals.push(`${code} ${message}`));
  return { transport, link, check, refusals };
}

/** Lets all nodes hear everything that each has told so far. */
async function settle(nodes: readonly { readonly transport: Transport }[]): Promise<void> {
  for (let i = 0; i < 3; i++) {
    await turn();
    for (const { transport } of nodes) await transport.publish({ topics: ["settled"], data: "", private: false });
    const head = Math.max(...nodes.map(({ transport }) => transport.head));
    await until(() => nodes.every(({ transport }) => transport.head >= head));
  }
}

describe("development secrets of nodes on one log", () => {
  test("end the later node if they differ, and not the earlier ones or one with the same secret", async (t) => {
    const cluster = new NodeCluster(t);
    const nodes = [await start(cluster, one), await start(cluster, one)];
    cluster.clock.advance(1);
    const later = await start(cluster, other);
    await until(() => later.refusals.length > 0);
    assert.match(later.refusals[0]!, /^ERR_OPTION A process that started earlier/);
    await settle([...nodes, later]);
    assert.equal(later.refusals.length, 1);
    for (const { refusals } of nodes) assert.deepEqual(refusals, []);
  });

  test("end exactly one of two nodes that start at the same instant", async (t) => {
    const cluster = new NodeCluster(t);
    const nodes = await Promise.all([start(cluster, one), start(cluster, other)]);
    await until(() => nodes.some(({ refusals }) => refusals.length > 0));
    await settle(nodes);
    assert.equal(nodes.flatMap(({ refusals }) => refusals).length, 1);
  });

  // A process without a place for its secret has another one after each crash.
  test("end no node that follows a killed one, whose lease is not over", async (t) => {
    const cluster = new NodeCluster(t);
    const killed = await start(cluster, one);
    await settle([killed]);
    killed.link.kill();
    cluster.clock.advance(1);
    const nodes = [await start(cluster, other), await start(cluster, other)];
    await settle(nodes);
    assert.equal([...nodes[0]!.transport.nodes.entries("k")].filter(([, key]) => key === "k").length, 3);
    for (const { refusals } of nodes) assert.deepEqual(refusals, []);
  });

  test("end no node after the hub of another secret has closed, even if its transport stays open", async (t) => {
    const cluster = new NodeCluster(t);
    const closed = await start(cluster, one);
    await settle([closed]);
    closed.check.close();
    cluster.clock.advance(1);
    const next = await start(cluster, other);
    await settle([closed, next]);
    assert.deepEqual([closed.refusals, next.refusals], [[], []]);
  });

  // A reader of the store must not learn the secret.
  test("are told as marks that reveal nothing, by hubs in development only", async (t) => {
    const cluster = new NodeCluster(t);
    const options = { subscriberKey: one };
    const a = await cluster.start({ ...options, development: true });
    const quiet = await cluster.start({ ...options, development: false });
    await settle([a, quiet]);
    const marks = [...quiet.transport.nodes.entries("k")];
    assert.deepEqual(
      marks.map(([node, key]) => [node, key]),
      [[a.transport.nodes.self, "k"]],
    );
    assert.match(marks[0]![2], /^[\w-]{43}$/);
  });
});
