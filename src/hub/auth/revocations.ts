import type { Disconnection } from "../../protocol/disconnection.js";
import { topicOf } from "../../protocol/own-topics.js";
import { OldestFirstMap } from "../../shared/oldest-first-map.js";
import type { VerifiedToken } from "./verified-token.js";

/** How many names of each kind are remembered: megabytes at most. */
const capacity = 100_000;

/** What an order can be about: a token, or a client that the application has let through without one. */
export interface Bearer extends Pick<VerifiedToken, "id" | "sub" | "issuedAt"> {
  readonly grants: Pick<VerifiedToken["grants"], "subscribe">;
}

/** When each name was last revoked, in milliseconds since 1970; the one that was so longest ago comes first. */
type Moments = OldestFirstMap<string, number>;

/**
 * Knows which tokens no longer do, although they are signed and have not expired.
 *
 * Nobody can say when the last token has expired that an order was about, since their issuers choose for how long they
 * are good. So orders are remembered for as long as there is room, and the oldest of its kind goes first.
 */
export class Revocations {
  readonly #capacity: number;
  readonly #subjects: Moments = new OldestFirstMap();
  readonly #topics: Moments = new OldestFirstMap();
  readonly #tokens: Moments = new OldestFirstMap();

  constructor(size = capacity) {
    this.#capacity = size;
  }

  add({ kind, name, before }: Disconnection): void {
    if (kind === "subscriber") return;
    const moments = { subject: this.#subjects, topic: this.#topics, token: this.#tokens }[kind];
    const latest = Math.max(before, moments.get(name) ?? before);
    moments.delete(name);
    moments.set(name, latest);
    if (moments.size > this.#capacity) moments.shift();
  }

  /** A token that does not say when it was issued counts as issued before any order. */
  refuses({ id, sub, issuedAt = Number.NEGATIVE_INFINITY, grants }: Bearer): boolean {
    const isRevoked = (moment: number | undefined) => moment !== undefined && issuedAt <= moment;
    if (isRevoked(this.#tokens.get(id)) || (sub !== undefined && isRevoked(this.#subjects.get(sub)))) return true;
    if (this.#topics.size === 0) return false;
    const { exact, patterns } = grants.subscribe;
    for (const topic of exact) if (isRevoked(this.#topics.get(topicOf(topic)))) return true;
    if (patterns.length === 0) return false;
    for (const [topic, moment] of this.#topics) {
      if (isRevoked(moment) && patterns.some((pattern) => pattern.matches(topic))) return true;
    }
    return false;
  }
}
