import { randomUUID } from "node:crypto";

/** A new identifier, for one stream alone: `urn:uuid:…`. Mercure "Active Subscriptions". */
export function newSubscriberId(): string {
  // Node puts it together from two dozen pieces, which V8 would keep as they are, at ten times the memory.
  return Buffer.from(`urn:uuid:${randomUUID()}`, "latin1").toString("latin1");
}
