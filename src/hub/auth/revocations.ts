import type { Disconnection } from "../../protocol/disconnection.js";
import { topicOf } from "../../protocol/own-topics.js";
import { OldestFirstMap } from "../../shared/oldest-first-map.js";
import type { VerifiedToken } from "./verified-token.js";

/** The max number of names of each kind. They take some megabytes at most. */
const capacity = 100_000;

/** The target of a revocation: a token, or a client that the application admitted without one. */
export interface Bearer extends Pick<VerifiedToken, "id" | "sub" | "issuedAt"> {
  readonly grants: Pick<VerifiedToken["grants"], "subscribe">;
}

/** The time of each name's last revocation, in milliseconds since 1970, oldest first. */
type RevokedAt = OldestFirstMap<string, number>;

/**
 * Remembers which signed, unexpired tokens are revoked.
 *
 * Entries never expire: issuers choose token lifetimes, so the hub cannot know when the last affected token lapses. At
 * capacity, the oldest entry of the same kind is evicted.
 */
export class Revocations {
  readonly #capacity: number;
  readonly #subjects: RevokedAt = new OldestFirstMap();
  readonly #topics: RevokedAt = new OldestFirstMap();
  readonly #tokens: RevokedAt = new OldestFirstMap();

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

  /** Whether a token is revoked. A token without an issue time counts as issued before every revocation. */
  isRevoked({ id, sub, issuedAt = Number.NEGATIVE_INFINITY, grants }: Bearer): boolean {
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
