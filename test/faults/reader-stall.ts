import type { Heard } from "./checker.js";
import type { Fault, Outcome } from "./fault.js";
import type { FaultyNode } from "./node.js";
import { heardAll, type NodeOptions, type NodesOfRun, progress } from "./nodes-of-run.js";
import { runOf } from "./record.js";

interface Run extends NodesOfRun {
  start(options?: NodeOptions, limits?: typeof small): FaultyNode;
  history(): Promise<Heard[]>;
}

/** Runs something with a store of its own. */
type WithRun = (body: (run: Run) => Promise<Outcome>) => Promise<Outcome>;

/** The limits of a history that holds only the newest updates of a run. */
const small = { historyLength: 100, maxHistoryBytes: 4 * 1024 * 1024 };

/** Stops a node for a while. The other publishes meanwhile what the log holds for it. */
export const nodeStall =
  (withRun: WithRun): Fault =>
  (rounds) =>
    withRun(async (run) => {
      const complaints = await stall(run.start(), run.start({ publishers: 0 }), rounds, { count: 300, hasGap: false });
      return { run: runOf(run.logs, await run.history()), faults: rounds, complaints };
    });

/** Stops a node while the log deletes what it has not heard: it must be told of a gap. */
export const trimmed =
  (withRun: WithRun): Fault =>
  (rounds) =>
    withRun(async (run) => {
      const [writer, reader] = [run.start({ bytes: 2000 }, small), run.start({ publishers: 0 }, small)];
      const complaints = await stall(writer, reader, rounds, { count: 3000, hasGap: true });
      return { run: runOf(run.logs), faults: rounds, complaints };
    });

/**
 * Stops a reader again and again while a writer publishes, and ends both.
 *
 * @param expected - The number of updates of each round, and whether the reader must be told of a gap.
 * @returns broken promises.
 */
async function stall(
  writer: FaultyNode,
  reader: FaultyNode,
  rounds: number,
  { count, hasGap }: { count: number; hasGap: boolean },
): Promise<string[]> {
  await Promise.all([progress(writer), reader.until(({ isStarted }) => isStarted)]);
  const complaints: string[] = [];
  for (let round = 0; round < rounds; round++) {
    const gaps = reader.log.gaps.length;
    reader.stall();
    await progress(writer, count);
    reader.resume();
    await heardAll(reader, writer);
    if (reader.log.gaps.length > gaps !== hasGap) complaints.push(`round ${round}: gap told is not ${hasGap}`);
  }
  await Promise.all([writer.stop(), reader.stop()]);
  if (writer.log.gaps.length > 0) complaints.push("the writer was told of a gap");
  return complaints;
}
