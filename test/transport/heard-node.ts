import type { TestContext } from "node:test";
import type { Transport } from "../../src/transport/transport.js";

/** A node of a store, with all that it hears, is told, and writes to its log. */
export function heardNode<T extends Transport>(
  t: TestContext,
  open: (options: { logger: { warn(line: string): void; error(): void }; publishTimeout: number }) => T,
) {
  const lines: string[] = [];
  const logger = { warn: (line: string) => void lines.push(line), error: () => {} };
  const transport = open({ logger, publishTimeout: 60 });
  t.after(() => transport.close());
  const heard: string[] = [];
  const positions: number[] = [];
  const gaps: number[] = [];
  transport.listen({
    update: ({ position, update }) => {
      heard.push(update.data);
      positions.push(position);
    },
    gap: (through) => void gaps.push(through),
  });
  return { transport, heard, positions, gaps, lines };
}

export type HeardNode = ReturnType<typeof heardNode<Transport>>;
