import type { TopicMatcher } from "../../protocol/matching/topic-matcher.js";

/** Options of `Hub.stream`. */
export interface StreamOptions {
  /**
   * The topics to stream. A string is the name of one topic, even if it looks like a pattern. `{ match, match_type }`
   * can be a pattern, and `{ match: "*", match_type: "uritemplate" }` matches all topics.
   */
  readonly topics: string | TopicMatcher | readonly (string | TopicMatcher)[];
  /** Whether the stream carries private updates of these topics too. Default false. */
  readonly private?: boolean | undefined;
  /** Data about this subscriber that subscription events show to other subscribers: any JSON value. Default none. */
  readonly payload?: unknown;
  /** The subject that owns the stream, for `Hub.disconnect`. Default none. */
  readonly subject?: string | undefined;
  /**
   * The time of the application's authorization check, in milliseconds since 1970. A `Hub.disconnect` after that
   * time refuses the stream. Set it if your code awaits something between the check and this call. Default: now.
   */
  readonly authorizedAt?: number | undefined;
}

/** The names of the options. */
export const streamOptions: readonly string[] = [
  "private",
  "topics",
  "payload",
  "subject",
  "authorizedAt",
] satisfies (keyof StreamOptions)[];
