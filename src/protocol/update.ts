/**
 * A message about a new version of one or several topics, as a publisher hands it to a hub.
 *
 * Mercure 0.x "Publication".
 */
export interface Draft {
  /** The first is the canonical topic, the others are alternates. Never empty. */
  readonly topics: readonly string[];
  /** The `data` of the event; line breaks of any kind arrive as LF. */
  readonly data: string;
  /** Whether only subscribers whose token grants one of the topics receive it. */
  readonly private: boolean;
  /** The event's id. Absent: the transport makes one. */
  readonly id?: string;
  /** The event's type; `message` to a browser when absent. */
  readonly type?: string;
  /** The reconnection time for clients, in milliseconds. */
  readonly retry?: number;
}

/** What the hub itself publishes. It never changes, and its fields may be accessors, which make what they give from less. */
export interface OwnDraft extends Draft {
  /** How much text it is made from, in UTF-16 units. Default: that of its topics and its data. */
  readonly size?: number;
}

/** A draft that a transport has accepted, under the id by which clients resume after it. */
export interface Update extends Draft {
  readonly id: string;
}
