import type { SubscriptionDocument } from "../../protocol/active-subscription.js";
import { type Audience, isOwnTopic, variantOf, variantTopic } from "../../protocol/own-topics.js";
import type { Clock } from "../../shared/clock.js";
import { MercureError } from "../../shared/errors.js";

export interface VariantsOptions {
  readonly clock: Pick<Clock, "now">;
  /** For how long a page may go on streaming once it was rendered, in seconds: as long as its token is good. */
  readonly lifetime: number;
  /** Whether all streams are heard of; otherwise there may be some without a variant at any time. */
  readonly areAllKnown: boolean;
}

/** How many variants of a topic may be live: each update is rendered for all of them. */
const mostVariants = 1000;

/** How long the JSON of a variant may be. */
const longestVariant = 256;

/** Of how many topics, and how long ones, it is remembered that somebody streams them without a variant. */
const mostPlainTopics = 10_000;
const longestPlainTopic = 256;

/** Something live, by the JSON of its variant: until when, in milliseconds since 1970. */
type Live = Map<string, number>;

/**
 * Knows which variants of topics pages of this process may be streaming.
 *
 * A variant is live from when a page with it is rendered until the last token for it has expired: no page can come back
 * with an older one, so nothing is missed, and nothing is rendered for nobody. A stream without a variant has no end, so
 * a topic that was once streamed like that remains so.
 */
export class Variants {
  readonly #options: VariantsOptions;
  readonly #byTopic = new Map<string, Live>();
  /** All of them; what was rendered longest ago comes first. */
  readonly #byAge = new Map<string, { topic: string; variant: string; until: number }>();
  readonly #plain = new Set<string>();
  #mayAllBePlain: boolean;

  constructor(options: VariantsOptions) {
    this.#options = options;
    this.#mayAllBePlain = !options.areAllKnown;
  }

  /**
   * Notes that a page streams a variant of topics.
   *
   * @throws MercureError `ERR_TOPIC` when a topic has too many variants, or is a pattern.
   */
  rendered(topics: readonly string[], variant: string): void {
    for (const topic of topics) {
      if (isPattern(topic)) {
        throw new MercureError(
          "ERR_TOPIC",
          `A stream with a variant needs topics by name, not the pattern "${topic}".`,
        );
      }
      this.#add(topic, variant);
    }
  }

  /** Notes that topics are streamed without a variant. */
  renderedPlain(topics: readonly string[]): void {
    for (const topic of topics) {
      const isBeyond = isPattern(topic) || topic.length > longestPlainTopic;
      if (isBeyond || this.#plain.size >= mostPlainTopics) this.#mayAllBePlain = true;
      if (!this.#mayAllBePlain) this.#plain.add(topic);
    }
  }

  /**
   * Notes what a stream asks for, wherever its page was rendered.
   *
   * @param isPrivate - Whether its token grants it. A stranger may ask for any variant, and nothing shall be rendered
   * for that.
   */
  hear({ topic, match, match_type: matchType, active }: SubscriptionDocument, isPrivate: boolean): void {
    if (!active) return;
    const name = topic ?? match ?? "";
    const parts = variantOf(name);
    if (matchType === "urlpattern") this.#mayAllBePlain = true;
    else if (!isOwnTopic(name)) this.renderedPlain([name]);
    else if (parts && isPrivate && isJson(parts.variant) && this.#hasRoom(parts.topic)) {
      this.#add(parts.topic, parts.variant);
    }
  }

  /** Whether somebody may stream one of the topics without a variant. */
  isPlain(topics: readonly string[]): boolean {
    return this.#mayAllBePlain || topics.some((topic) => this.#plain.has(topic));
  }

  /** The variants of any of the topics, as JSON. */
  of(topics: readonly string[]): string[] {
    this.#forget();
    return [...new Set(topics.flatMap((topic) => [...(this.#byTopic.get(topic)?.keys() ?? [])]))];
  }

  #add(topic: string, variant: string): void {
    this.#forget();
    if (!this.#byTopic.get(topic)?.has(variant) && !this.#hasRoom(topic)) {
      throw new MercureError(
        "ERR_TOPIC",
        `The topic "${topic}" has ${mostVariants} variants, and each update is rendered for all: what each viewer sees ` +
          "alone belongs on a topic of their own.",
      );
    }
    const until = this.#options.clock.now() + this.#options.lifetime * 1000;
    const name = variantTopic(topic, variant, "variant");
    this.#byAge.delete(name);
    this.#byAge.set(name, { topic, variant, until });
    const live = this.#byTopic.get(topic);
    if (live === undefined) this.#byTopic.set(topic, new Map([[variant, until]]));
    else live.set(variant, until);
  }

  #hasRoom(topic: string): boolean {
    return (this.#byTopic.get(topic)?.size ?? 0) < mostVariants;
  }

  #forget(): void {
    const now = this.#options.clock.now();
    for (const [name, { topic, variant, until }] of this.#byAge) {
      if (until > now) return;
      this.#byAge.delete(name);
      const live = this.#byTopic.get(topic);
      live?.delete(variant);
      if (live?.size === 0) this.#byTopic.delete(topic);
    }
  }
}

/**
 * A variant as JSON, by which equal ones are one; undefined for none.
 *
 * @throws MercureError `ERR_TOPIC` for what JSON does not hold, or what is too long to tell a few kinds of viewers apart.
 */
export function variantText(variant: unknown): string | undefined {
  if (variant === undefined || variant === null) return undefined;
  const text = typeof variant === "function" ? undefined : JSON.stringify(variant);
  if (text !== undefined && text.length <= longestVariant) return text;
  const problem = text === undefined ? `a ${typeof variant}` : `longer than ${longestVariant} characters of JSON`;
  throw new MercureError("ERR_TOPIC", `A variant is ${problem}; it must be short JSON, such as a locale or a role.`);
}

function isPattern(topic: string): boolean {
  return topic === "*" || topic.includes("{");
}

/** Whoever is granted everything can ask for a name that no page has. */
function isJson(text: string): boolean {
  try {
    return text.length <= longestVariant && JSON.parse(text) !== null;
  } catch {
    return false;
  }
}

/** The names under which variants of topics are published. */
export function variantTopics(topics: readonly string[], variant: string, audience: Audience): string[] {
  return topics.map((topic) => variantTopic(topic, variant, audience));
}
