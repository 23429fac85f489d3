/** A kind of server to measure: one row of the tables. */
export interface Peer {
  /** The row's name, for `--rows` too. */
  readonly name: string;
  readonly what: string;
  /** Its abilities besides sending updates of exact topics to current subscribers. */
  readonly can?: Abilities;
  /**
   * Whether streams can have the updates of different publishers in different orders. The reference hubs do so; then
   * the check covers only the order of each publisher's own updates.
   */
  readonly ordersDiffer?: boolean;
  /** Returns the reason why it cannot run here, and how to fix that; undefined if it can. */
  readonly missing?: () => string | undefined;
  readonly start: (options: StartOptions) => Promise<Server>;
}

export interface Abilities {
  /** Replays earlier updates. */
  readonly history?: boolean;
  /** Serves HTTPS itself. */
  readonly tls?: boolean;
  readonly patterns?: readonly PatternKind[];
}

export type PatternKind = "uri-template" | "url-pattern";

export interface StartOptions {
  /** The number of updates of each topic that must be kept for replay. Default: the server's own. */
  readonly history?: number;
  readonly tls?: Certificate;
  /** The max heap of a server in Node. Default: Node's own. */
  readonly heapMegabytes?: number;
}

/** Paths of files in PEM. */
export interface Certificate {
  readonly cert: string;
  readonly key: string;
}

/** A running server, and its addresses. */
export interface Server {
  readonly port: number;
  readonly pids: readonly number[];
  /** The path and query of a topic's stream; `{n}` in a topic stays. */
  streamPath(topic: string): string;
  /** Returns the same for a pattern. Undefined if the peer does not support patterns of this kind. */
  readonly patternPath?: (kind: PatternKind, pattern: string) => string;
  /** The URL for publishing an update, and the body before its data; `{n}` and `{s}` in a topic stay. */
  publishing(topic: string): { readonly path: string; readonly body: string };
  readonly publishHeaders: readonly string[];
  stop(): Promise<void>;
}

/** Encodes a topic for a query or a form, and keeps the load generator's placeholders. */
export function encodeTopic(topic: string): string {
  return topic
    .split(/(\{[ns]\})/)
    .map((part, index) => (index % 2 === 1 ? part : encodeURIComponent(part)))
    .join("");
}
