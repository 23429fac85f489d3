import type { TestContext } from "node:test";
import { PostgresTransport, type PostgresTransportOptions } from "../../../src/transport/postgres/postgres.js";

/** A node, with all that it hears, is told, and writes to its log. */
export function open(t: TestContext, options: PostgresTransportOptions) {
  const lines: string[] = [];
  const logger = { warn: (line: string) => void lines.push(line), error: () => {} };
  const transport = new PostgresTransport({ logger, publishTimeout: 60, ...options });
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

export type Node = ReturnType<typeof open>;

export const draft = (data: string, fields = {}) => ({ topics: ["t"], data, private: false, ...fields });
