import type { SubscriptionDocument } from "../../protocol/active-subscription.js";
import { isInternalTopic, type VariantKind, variantOf, variantTopic } from "../../protocol/own-topics.js";
import type { Clock } from "../../shared/clock.js";
import { MercureError } from "../../shared/errors.js";
import { LastPublications, type Publication } from "./last-publications.js";

export interface VariantsOptions {
  readonly clock: Pick<Clock, "now">;
  /** The time that a page may continue to stream after it was rendered, in seconds: the lifetime of its token. */
  readonly lifetime: number;
  /** Whether this process observes all streams. Otherwise streams without a variant can exist at any time. */
  readonly areAllKnown: boolean;
  /** The other nodes. Set if they can have streams, which begin before this process knows their variant. */
  readonly nodes?: VariantsOfNodes | undefined;
}

export interface VariantsOfNodes {
  /** Returns the newest position that this node knows. */
  head(): number;
  /** Returns a position after those of all pages so far. Another node can know newer positions than this node. */
  upperBound(): number;
  /** Tells the streams of a name that they have missed updates. */
  tellMissed(name: string): void;
}

/** The max number of live variants of a topic. Each update is rendered for all of them. */
const maxVariants = 1000;

/** The max memory of all live variants, and of one besides its name, in bytes (measured, rounded up). */
const maxVariantsBytes = 64 * 1024 * 1024;
const bytesPerVariant = 500;

/** The max length of a variant's JSON, in UTF-16 units. */
const maxVariantLength = 256;

/** The max number and the max length of topics remembered as streamed without a variant. */
const maxPlainTopics = 10_000;
const maxPlainTopicLength = 256;

interface Variant {
  readonly topic: string;
  readonly variant: string;
  readonly until: number;
  streams: number;
  /** The last publish to the topic before the variant was known. */
  missed: Publication | undefined;
}

/** The time when each variant expires, in milliseconds since 1970. The key is the variant's JSON. */
type Live = Map<string, number>;

/**
 * Tracks the variants of topics that pages may be streaming.
 *
 * A variant is live from the rendering of a page until its last token expires. No page can reconnect with an older
 * token, so no update is missed and no update is rendered without a viewer. A stream without a variant has no known
 * end, so its topic is remembered permanently.
 */
export class Variants {
  readonly #options: VariantsOptions;
  readonly #byTopic = new Map<string, Live>();
  /** All live variants, the least recently rendered first. */
  readonly #byAge = new Map<string, Variant>();
  #bytes = 0;
  readonly #plain = new Set<string>();
  #mayAllBePlain: boolean;
  readonly #lastPublications = new LastPublications();

  constructor(options: VariantsOptions) {
    this.#options = options;
    this.#mayAllBePlain = !options.areAllKnown;
  }

  /**
   * Notes that a page streams a variant of topics.
   *
   * @throws MercureError `ERR_TOPIC` if a topic has too many variants, or is a pattern.
   */
  rendered(topics: readonly string[], variant: string): void {
    for (const topic of topics) {
      if (isPattern(topic)) {
        throw new MercureError(
          "ERR_TOPIC",
          `A stream with a variant needs names of topics, not the pattern "${topic}".`,
        );
      }
      this.#add(topic, variant);
    }
  }

  /**
   * Notes that the hub now receives an update of topics, for the variants that are known now.
   *
   * @param isForAll - Whether streams without a variant receive it, even if this process knows none.
   * @returns a function to call when the hub has accepted the update, or when no update was sent because no variant is
   * known. Undefined if all streams are on this node.
   */
  publishing(topics: readonly string[], isForAll: boolean): ((isStored: boolean) => void) | undefined {
    const { nodes } = this.#options;
    if (nodes === undefined) return undefined;
    const keys = isForAll || this.isPlain(topics) ? topics : topics.flatMap((topic) => [topic, plainKey(topic)]);
    const publication = this.#lastPublications.begin(keys);
    return (isStored) => {
      publication.position = isStored ? nodes.head() : nodes.upperBound();
    };
  }

  /** Notes that topics are streamed without a variant. */
  renderedPlain(topics: readonly string[]): void {
    for (const topic of topics) {
      const isBeyond = isPattern(topic) || topic.length > maxPlainTopicLength;
      if (isBeyond || this.#plain.size >= maxPlainTopics) this.#mayAllBePlain = true;
      if (!this.#mayAllBePlain) this.#plain.add(topic);
    }
  }

  /**
   * Notes the variant that a stream begins or ends to carry. Its page may have been rendered by another process.
   *
   * @param isPrivate - Whether the stream's token grants it. Anyone can request any variant without a token, and such
   * requests must not cause rendering.
   * @param start - The stream carries only updates after this position.
   */
  onSubscriptionEvent(
    { topic, match, match_type: matchType, active }: SubscriptionDocument,
    isPrivate: boolean,
    start = Number.POSITIVE_INFINITY,
  ): void {
    const name = topic ?? match ?? "";
    const parts = variantOf(name);
    if (!active) {
      const ended = parts && isPrivate && this.#byAge.get(nameOf(parts.topic, parts.variant));
      if (ended) ended.streams = Math.max(0, ended.streams - 1);
    } else if (matchType === "urlpattern") this.#mayAllBePlain = true;
    else if (!isInternalTopic(name)) {
      if (!this.isPlain([name])) this.#tellIfMissed(name, start, this.#lastPublications.last(plainKey(name)));
      this.renderedPlain([name]);
    } else if (parts && isPrivate && isJson(parts.variant) && this.#hasRoom(parts.topic)) {
      const { topic, variant } = parts;
      if (!this.#makeRoom(nameOf(topic, variant))) return;
      const known = this.#add(topic, variant);
      known.streams++;
      if (this.#tellIfMissed(nameOf(topic, variant), start, known.missed)) known.missed = undefined;
    }
  }

  /** Returns whether one of the topics may have streams without a variant. */
  isPlain(topics: readonly string[]): boolean {
    return this.#mayAllBePlain || topics.some((topic) => this.#plain.has(topic));
  }

  /** Returns the live variants of the topics, as JSON. */
  of(topics: readonly string[]): string[] {
    this.#forget();
    return [...new Set(topics.flatMap((topic) => [...(this.#byTopic.get(topic)?.keys() ?? [])]))];
  }

  #tellIfMissed(name: string, start: number, missed: Publication | undefined): boolean {
    if (missed === undefined || start >= missed.position) return false;
    this.#options.nodes?.tellMissed(name);
    return true;
  }

  #add(topic: string, variant: string): Variant {
    this.#forget();
    if (!this.#byTopic.get(topic)?.has(variant) && !this.#hasRoom(topic)) {
      throw new MercureError(
        "ERR_TOPIC",
        `The topic "${topic}" has the max of ${maxVariants} variants, and each update is rendered for all of them: publish content ` +
          "for one viewer on a topic of its own.",
      );
    }
    const until = this.#options.clock.now() + this.#options.lifetime * 1000;
    const name = nameOf(topic, variant);
    if (!this.#makeRoom(name)) {
      throw new MercureError(
        "ERR_TOPIC",
        `The live variants of all topics need more than ${maxVariantsBytes} bytes. Use fewer topics with variants, or a ` +
          "shorter tokenLifetime.",
      );
    }
    const known = this.#byAge.get(name);
    const missed = known === undefined ? this.#lastPublications.last(topic) : known.missed;
    const added: Variant = { topic, variant, until, streams: known?.streams ?? 0, missed };
    if (!this.#byAge.delete(name)) this.#bytes += bytesOf(name);
    this.#byAge.set(name, added);
    const live = this.#byTopic.get(topic);
    if (live === undefined) this.#byTopic.set(topic, new Map([[variant, until]]));
    else live.set(variant, until);
    return added;
  }

  #hasRoom(topic: string): boolean {
    return (this.#byTopic.get(topic)?.size ?? 0) < maxVariants;
  }

  /**
   * Returns whether there is memory for a variant. Evicts the oldest variants without an open stream: their pages have
   * left, or can miss updates.
   */
  #makeRoom(name: string): boolean {
    const fits = () => this.#byAge.has(name) || this.#bytes + bytesOf(name) <= maxVariantsBytes;
    if (fits() || !this.#options.areAllKnown) return fits();
    for (const [each, { streams }] of this.#byAge) {
      if (streams === 0) this.#remove(each);
      if (fits()) return true;
    }
    return false;
  }

  #forget(): void {
    const now = this.#options.clock.now();
    for (const [name, { until }] of this.#byAge) {
      if (until > now) return;
      this.#remove(name);
    }
  }

  #remove(name: string): void {
    const { topic, variant } = this.#byAge.get(name)!;
    this.#byAge.delete(name);
    this.#bytes -= bytesOf(name);
    const live = this.#byTopic.get(topic);
    live?.delete(variant);
    if (live?.size === 0) this.#byTopic.delete(topic);
  }
}

/** The key of updates that streams without a variant do not receive. No topic begins with a line break. */
function plainKey(topic: string): string {
  return `\n${topic}`;
}

function nameOf(topic: string, variant: string): string {
  return variantTopic(topic, variant, "variant");
}

/**
 * Returns a variant as JSON. Equal variants have equal JSON. Returns undefined for undefined and null.
 *
 * @throws MercureError `ERR_TOPIC` for a value that JSON cannot represent, or that has more than 256 characters of
 * JSON.
 */
export function variantText(variant: unknown): string | undefined {
  if (variant === undefined || variant === null) return undefined;
  const text = typeof variant === "function" ? undefined : JSON.stringify(variant);
  if (text !== undefined && text.length <= maxVariantLength) return text;
  const problem = text === undefined ? `a ${typeof variant}` : `longer than ${maxVariantLength} characters of JSON`;
  throw new MercureError("ERR_TOPIC", `A variant is ${problem}; it must be short JSON, such as a locale or a role.`);
}

/** Estimates the memory of a live variant, in bytes: its name is in two maps, with up to two bytes a character. */
function bytesOf(name: string): number {
  return bytesPerVariant + 4 * name.length;
}

function isPattern(topic: string): boolean {
  return topic === "*" || topic.includes("{");
}

/**
 * Returns whether a text is a valid variant. A bearer who is granted all topics can request a name that no page uses.
 */
function isJson(text: string): boolean {
  try {
    return text.length <= maxVariantLength && JSON.parse(text) !== null;
  } catch {
    return false;
  }
}

/** Returns the topic names of a variant's updates. */
export function variantTopics(topics: readonly string[], variant: string, kind: VariantKind): string[] {
  return topics.map((topic) => variantTopic(topic, variant, kind));
}
