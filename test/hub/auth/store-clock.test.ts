import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { subscribe, token } from "../fixture.js";
import { NodeCluster } from "../nodes/node-cluster.js";

describe("tokens on nodes whose clocks differ from the clock of the store by an hour", () => {
  for (const [what, skew] of [
    ["behind", -3_600_000],
    ["ahead", 3_600_000],
  ] as const) {
    test(`are valid from their issue to their end at a node whose clock is ${what}`, async (t) => {
      const cluster = new NodeCluster(t);
      const { clock } = cluster;
      const own = {
        now: () => clock.now() + skew,
        at: (time: number, callback: () => void) => clock.at(time - skew, callback),
      };
      const node = await cluster.start({}, own, skew);
      const now = Math.floor(node.hub.now() / 1000);
      const headers = {
        Authorization: `Bearer ${await token({ subscribe: ["a"] }, { iat: now, nbf: now, exp: now + 60 })}`,
      };
      const stream = await subscribe(t, node.url("a"), headers);
      assert.equal(stream.status, 200);
      await cluster.advance(58);
      assert.equal(stream.ended, false);
      assert.equal((await subscribe(t, node.url("a"), headers)).status, 200);
      await cluster.advance(4);
      await stream.until(({ ended }) => ended);
      assert.equal((await subscribe(t, node.url("a"), headers)).status, 401);
    });
  }
});
