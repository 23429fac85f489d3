import type { FaultyNode } from "./node.js";
import { progress } from "./nodes-of-run.js";

/**
 * Lets a store refuse all writes for a while, again and again. Updates are then rejected, and the same nodes continue
 * afterwards.
 *
 * @param reason - The reason that rejected updates give.
 * @returns broken promises.
 */
export async function refuse(
  nodes: readonly FaultyNode[],
  rounds: number,
  setFull: (isFull: boolean) => unknown,
  reason: RegExp,
): Promise<string[]> {
  for (let round = 0; round < rounds; round++) {
    await Promise.all(nodes.map((node) => progress(node)));
    const failures = nodes.map(({ log }) => log.failures.length);
    await setFull(true);
    await Promise.all(nodes.map((node, index) => node.until((log) => log.failures.length > failures[index]! + 8)));
    await setFull(false);
    await Promise.all(nodes.map((node) => progress(node)));
  }
  const failures = nodes.flatMap(({ log }) => log.failures);
  const complaints = failures
    .filter(({ code }) => code !== "ERR_TRANSPORT")
    .map((each) => `${each.code}: ${each.message}`);
  if (!failures.some(({ message }) => reason.test(message))) complaints.push(`no update failed for ${reason}`);
  return complaints;
}
