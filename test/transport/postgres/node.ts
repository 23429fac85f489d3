import type { TestContext } from "node:test";
import { PostgresTransport, type PostgresTransportOptions } from "../../../src/transport/postgres/postgres.js";
import { heardNode } from "../heard-node.js";

export function open(t: TestContext, options: PostgresTransportOptions) {
  return heardNode(t, (common) => new PostgresTransport({ ...common, ...options }));
}

export const draft = (data: string, fields = {}) => ({ topics: ["t"], data, private: false, ...fields });
