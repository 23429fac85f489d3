/** Called for each change of an entry. The value is undefined when the entry has ended. */
export type NodesListener = (node: string, key: string, value: string | undefined) => void;

/**
 * The entries that the living nodes of a hub publish about themselves, such as their subscriptions. Each node holds a
 * local copy of all entries, so rendering can read them synchronously.
 */
export interface Nodes {
  /** The id of this node. A node that starts again has another id. */
  readonly self: string;

  /** Whether other nodes can share the store. False for a store in the memory of one process. */
  readonly areShared: boolean;

  /**
   * Sets an entry of this node, or removes it with undefined. The local copy changes at once. Other nodes learn the
   * change soon, but always before updates that are published in a later turn of the event loop. Several changes can
   * travel together. The entry lives as long as the node.
   */
  tell(key: string, value: string | undefined): void;

  /** Iterates over the entries of all nodes whose keys begin with a prefix, those of this node included. */
  entries(prefix: string): Iterable<readonly [node: string, key: string, value: string]>;

  /**
   * Calls the listener for each change of an entry of any node, this one included. The value is undefined when the
   * entry has ended, also because its node has ended. If the others considered this node ended and it returns, the
   * listener gets the end of its entries, and then the entries again. A listener must not throw. Returns a function
   * that removes the listener.
   */
  listen(listener: NodesListener): () => void;
}
