/** The part of the store that every commit changes. */
export interface State {
  /** The newest position of all. */
  head: number;
  /** The lane `history` has no update before this position. */
  oldest: number;
  /** The log up to this position holds only updates that history holds. */
  swept: number;
  /** The size of the rows after `swept`, in bytes. */
  unswept: number;
  /** The newest position whose row was removed from the log. A node with an older head has a gap. */
  gone: number;
  /** The size of the publishers' updates in history, in bytes. */
  bytes: number;
  /** Updates up to this position may have been dropped by all topics. */
  dropped: number;
  /** The newest evicted position among the topics that history has forgotten since. */
  forgotten: number;
  readonly events: OwnState;
  readonly orders: OwnState;
  /** The number of nodes that share the folder. */
  nodes: number;
  /** The number of changes that nodes have made to their entries. */
  changes: number;
}

/** The part of the state that concerns the hub's own events, or its control messages. */
export interface OwnState {
  bytes: number;
  dropped: number;
  /** The prefixes of the topics of these updates. */
  namespaces: readonly string[];
}

export function emptyState(): State {
  const own = (): OwnState => ({ bytes: 0, dropped: 0, namespaces: [] });
  return {
    head: 0,
    oldest: 0,
    swept: 0,
    unswept: 0,
    gone: 0,
    bytes: 0,
    dropped: 0,
    forgotten: 0,
    events: own(),
    orders: own(),
    nodes: 0,
    changes: 0,
  };
}
