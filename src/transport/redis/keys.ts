/** The keys of a hub, in the order that the scripts expect. */
export function keysOf(prefix: string): readonly string[] {
  // The braces put all keys into one slot of a cluster.
  return ["log", "ids", "meta", "nodes", "entries"].map((name) => `{${prefix}}:${name}`);
}
