/** A kind of server that questions are put to: one row of their tables. */
export interface Peer {
  /** The row's name, for `--rows` too. */
  readonly name: string;
  readonly what: string;
  /** What it can do besides sending updates of exact topics to who is there. */
  readonly can?: Abilities;
  /**
   * Whether streams may have the updates of different publishers in different orders. The reference hubs do so; then only
   * the order of each publisher's own is verified.
   */
  readonly ordersDiffer?: boolean;
  /** Why it cannot run here, and what to do about it; undefined when it can. */
  readonly missing?: () => string | undefined;
  readonly start: (options: StartOptions) => Promise<Server>;
}

export interface Abilities {
  /** Replays what was published before. */
  readonly history?: boolean;
  /** Serves HTTPS itself. */
  readonly tls?: boolean;
  readonly patterns?: readonly PatternKind[];
}

export type PatternKind = "uri-template" | "url-pattern";

export interface StartOptions {
  /** How many updates of each topic must be kept for replay. Default: whatever is usual for the server. */
  readonly history?: number;
  readonly tls?: Certificate;
  /** How large the heap of a server in Node may be. Default: what Node takes. */
  readonly heapMegabytes?: number;
}

/** Paths of files in PEM. */
export interface Certificate {
  readonly cert: string;
  readonly key: string;
}

/** A running server, and how it is talked to. */
export interface Server {
  readonly port: number;
  readonly pids: readonly number[];
  /** The path and query under which a topic is streamed; `{n}` in a topic stays. */
  streamPath(topic: string): string;
  /** The same for a pattern; only where the peer has patterns of this kind. */
  readonly patternPath?: (kind: PatternKind, pattern: string) => string;
  /** Where an update is posted, and what precedes its data in the body; `{n}` and `{s}` in a topic stay. */
  publishing(topic: string): { readonly path: string; readonly body: string };
  readonly publishHeaders: readonly string[];
  stop(): Promise<void>;
}

/** Encodes a topic for a query or a form; what the load generator fills in stays. */
export function encodeTopic(topic: string): string {
  return topic
    .split(/(\{[ns]\})/)
    .map((part, index) => (index % 2 === 1 ? part : encodeURIComponent(part)))
    .join("");
}
