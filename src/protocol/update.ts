/**
 * A message about a new version of one or several topics, as a publisher hands it to a hub.
 *
 * {@link https://mercure.rocks/spec#publication | Mercure "Publication"}.
 */
export interface Draft {
  /** The topics of the update: the canonical topic first, then the alternates. At least one. */
  readonly topics: readonly string[];
  /** The `data` of the event; line breaks of any kind arrive as LF. */
  readonly data: string;
  /** Whether the update is private: only subscribers with a token for one of the topics receive it. */
  readonly private: boolean;
  /** The event's id. Default: an id that the transport generates. */
  readonly id?: string;
  /** The event's type. Default: browsers dispatch the event as `message`. */
  readonly type?: string;
  /** The reconnection time for clients, in milliseconds. */
  readonly retry?: number;
  /**
   * Whether history stores the update. With false, only live streams receive the update: streams that catch up miss it
   * without a gap. Default true.
   */
  readonly keep?: boolean;
  /**
   * The key of the update, within each of its topics: history replaces the older update of the same key by this one.
   * Default: history stores every update.
   */
  readonly key?: string;
}

/** A draft that a transport has accepted. Clients resume after it by its id. */
export interface Update extends Omit<Draft, "keep" | "key"> {
  /** The id of the update, from the publisher or the transport. */
  readonly id: string;
}
