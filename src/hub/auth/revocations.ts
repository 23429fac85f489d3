import type { Disconnection } from "../../protocol/disconnection.js";
import { topicOf } from "../../protocol/own-topics.js";
import { OldestFirstMap } from "../../shared/oldest-first-map.js";
import type { VerifiedToken } from "./verified-token.js";

/** The max number of names of each kind, which bounds their memory. */
const capacity = 100_000;

/** A time before every revocation. */
const nothing = Number.NEGATIVE_INFINITY;

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
 * capacity, the oldest entry of the same kind is evicted. Every token that the evicted entry could have revoked then
 * counts as revoked: the hub can then reject a valid token, and never accepts a revoked one.
 */
export class Revocations {
  readonly #capacity: number;
  readonly #subjects: RevokedAt = new OldestFirstMap();
  readonly #topics: RevokedAt = new OldestFirstMap();
  readonly #tokens: RevokedAt = new OldestFirstMap();
  /** The time of the last evicted entry, by kind. */
  readonly #forgotten = { subject: nothing, topic: nothing, token: nothing };

  constructor(size = capacity) {
    this.#capacity = size;
  }

  add({ kind, name, before }: Disconnection): void {
    if (kind === "subscriber") return;
    const revokedAt = { subject: this.#subjects, topic: this.#topics, token: this.#tokens }[kind];
    const latest = Math.max(before, revokedAt.get(name) ?? before);
    revokedAt.delete(name);
    revokedAt.set(name, latest);
    if (revokedAt.size > this.#capacity) this.#forgotten[kind] = Math.max(this.#forgotten[kind], revokedAt.shift()![1]);
  }

  /** Marks revocations up to a time as unknown. */
  forget(through: number): void {
    for (const kind of ["subject", "topic", "token"] as const) {
      this.#forgotten[kind] = Math.max(this.#forgotten[kind], through);
    }
  }

  /** Whether a token is revoked. A token without an issue time counts as issued before every revocation. */
  isRevoked({ id, sub, issuedAt = nothing, grants }: Bearer): boolean {
    const isRevoked = (moment = nothing) => moment !== nothing && issuedAt <= moment;
    if (isRevoked(this.#tokens.get(id)) || (sub !== undefined && isRevoked(this.#subjects.get(sub)))) return true;
    if (sub !== undefined && isRevoked(this.#forgotten.subject)) return true;
    const { exact, patterns } = grants.subscribe;
    const isSubscriber = exact.size + patterns.length > 0;
    if (isSubscriber && isRevoked(Math.max(this.#forgotten.topic, this.#forgotten.token))) return true;
    if (this.#topics.size === 0) return false;
    for (const topic of exact) if (isRevoked(this.#topics.get(topicOf(topic)))) return true;
    if (patterns.length === 0) return false;
    for (const [topic, moment] of this.#topics) {
      if (isRevoked(moment) && patterns.some((pattern) => pattern.matches(topic))) return true;
    }
    return false;
  }
}
