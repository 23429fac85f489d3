/**
 * A message about a new version of one or several topics, as a publisher hands it to a hub.
 *
 * Mercure 0.x "Publication".
 */
export interface Draft {
  /** The topics of the update: the canonical topic first, then the alternates. At least one. */
  readonly topics: readonly string[];
  /** The `data` of the event; line breaks of any kind arrive as LF. */
  readonly data: string;
  /** Whether the update is private: only subscribers with a token for one of the topics receive it. */
  readonly private: boolean;
  /** The event's id. Default: an id made by the transport. */
  readonly id?: string;
  /** The event's type. Default: browsers dispatch the event as `message`. */
  readonly type?: string;
  /** The reconnection time for clients, in milliseconds. */
  readonly retry?: number;
}

/**
 * A draft that the hub itself publishes. It is immutable, and its fields may be accessors that compute their values.
 */
export interface InternalDraft extends Draft {
  /** The length of the source text, in UTF-16 units. Default: the length of the topics and the data. */
  readonly size?: number;
}

/** A draft that a transport has accepted. Clients resume after it by its id. */
export interface Update extends Draft {
  readonly id: string;
}
