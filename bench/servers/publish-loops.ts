import type { Transport } from "../../src/transport/transport.js";

/** The number of topics of the loops. */
export const topics = 8;

/** An update of a loop. */
export const data = "x".repeat(200);

/** Publishes to a transport in closed loops. Returns the number of updates, and the CPU time in microseconds. */
export async function publishInLoops(
  transport: Pick<Transport, "publish">,
  publishers: number,
  seconds: number,
): Promise<{ count: number; cpu: number }> {
  const before = process.cpuUsage();
  const end = performance.now() + seconds * 1000;
  let count = 0;
  async function publish(publisher: number) {
    for (; performance.now() < end; count++) {
      await transport.publish({ topics: [`topic-${publisher % topics}`], data, private: false });
    }
  }
  await Promise.all(Array.from({ length: publishers }, (_, publisher) => publish(publisher)));
  const { user, system } = process.cpuUsage(before);
  return { count, cpu: user + system };
}
