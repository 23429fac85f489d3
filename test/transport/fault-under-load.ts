import assert from "node:assert/strict";
import { until } from "../support/until.js";
import type { HeardNode } from "./heard-node.js";

/** Lets a fault happen while two nodes publish. They must lose and repeat nothing. */
export async function faultUnderLoad(nodes: readonly HeardNode[], fault: () => Promise<unknown>): Promise<void> {
  await Promise.all(nodes.map(({ transport }) => transport.ready));
  const acknowledged: string[] = [];
  let isEnded = false;
  const publishers = nodes.map(async ({ transport }, node) => {
    for (let i = 0; !isEnded; i++) {
      await transport.publish({ topics: ["t"], data: `${node}-${i}`, private: false });
      acknowledged.push(`${node}-${i}`);
    }
  });
  await until(() => acknowledged.length > 100);
  await fault();
  const before = acknowledged.length;
  await until(() => acknowledged.length > before + 100);
  isEnded = true;
  await Promise.all(publishers);
  await assertHeardAlike(nodes, acknowledged);
}

/** Both nodes have heard all acknowledged updates once, in one order, at growing positions. */
export async function assertHeardAlike(nodes: readonly HeardNode[], acknowledged: readonly string[]): Promise<void> {
  const [a, b] = nodes as [HeardNode, HeardNode];
  await until(() => a.transport.head === b.transport.head && a.heard.length === b.heard.length);
  assert.deepEqual(a.heard, b.heard);
  assert.deepEqual(a.positions, b.positions);
  assert.ok(a.positions.every((position, i) => i === 0 || position > a.positions[i - 1]!));
  assert.deepEqual([...a.heard].sort(), [...acknowledged].sort());
  assert.deepEqual([a.gaps, b.gaps], [[], []]);
}
