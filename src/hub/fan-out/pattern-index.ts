import { LiteralIndex } from "../../protocol/matching/literal-index.js";
import type { Matcher } from "../../protocol/matching/matcher.js";
import { work } from "../../protocol/matching/work.js";
import { OldestFirstMap } from "../../shared/oldest-first-map.js";

/** The recipients of one pattern. */
interface Route<R> {
  /** Undefined once the route has no recipients, so that the cache does not keep the compiled pattern alive. */
  pattern: Matcher | undefined;
  readonly recipients: Set<R>;
  /** The number of the route, larger than those of earlier routes. */
  readonly serial: number;
}

/** The cached matches of a topic. */
interface MatchResult<R> {
  /** The serial of the last checked route. */
  readonly through: number;
  readonly matching: readonly Route<R>[];
  /** The checked routes that needed too much work. */
  readonly unknown: readonly Route<R>[];
}

const nothing = { through: 0, matching: [], unknown: [] };

/** The max number of cached topics and matching patterns, counted together. */
const capacity = 50_000;

/** The max characters of all cached topics: anonymous clients can name long ones. */
const maxCharacters = 8_000_000;

/** The max length of a cached topic. Longer topics would use memory that the count ignores. */
const maxTopicLength = 1_000;

/**
 * Finds the recipients of a topic by pattern. An index of literals excludes most patterns. Each remaining pattern is
 * evaluated once for a topic, for all its recipients. The matching patterns are cached in bounded memory. An update of
 * a cached topic thus costs only the work for its own recipients, for any number of other patterns. The oldest topic is
 * evicted first.
 */
export class PatternIndex<R> {
  readonly #capacity: number;
  readonly #byKey = new Map<string, Route<R>>();
  readonly #byLiteral = new LiteralIndex<Route<R>>();
  /** The routes in order of their serials. */
  #routes: Route<R>[] = [];
  #removed = 0;
  #lastSerial = 0;
  readonly #results = new OldestFirstMap<string, MatchResult<R>>();
  #remembered = 0;
  #characters = 0;

  constructor(limit: number = capacity) {
    this.#capacity = limit;
  }

  /** The number of distinct patterns with recipients. */
  get size(): number {
    return this.#byKey.size;
  }

  add(pattern: Matcher, recipient: R): void {
    const key = `${pattern.type} ${pattern.pattern}`;
    const known = this.#byKey.get(key);
    if (known !== undefined) {
      known.recipients.add(recipient);
      return;
    }
    const route: Route<R> = { pattern, recipients: new Set([recipient]), serial: ++this.#lastSerial };
    this.#byKey.set(key, route);
    this.#byLiteral.add(pattern.literal, route);
    this.#routes.push(route);
  }

  remove(pattern: Matcher, recipient: R): void {
    const key = `${pattern.type} ${pattern.pattern}`;
    const route = this.#byKey.get(key);
    if (!route?.recipients.delete(recipient) || route.recipients.size > 0) return;
    this.#byKey.delete(key);
    this.#byLiteral.remove(pattern.literal, route);
    route.pattern = undefined;
    if (++this.#removed < 32 || this.#removed * 2 < this.#routes.length) return;
    this.#routes = this.#routes.filter(isAlive);
    this.#removed = 0;
  }

  /** The number of cached topics and matching patterns. */
  get remembered(): number {
    return this.#remembered;
  }

  /**
   * Calls back with each recipient of a topic, once for each matching pattern.
   *
   * @param stepsThrough - The max value of {@link work}: evaluation of patterns stops there.
   * @param onUnknown - Called with each recipient of a pattern that was not evaluated. The next call evaluates these
   * patterns first.
   */
  forEach(
    topic: string,
    callback: (recipient: R) => void,
    stepsThrough = Number.POSITIVE_INFINITY,
    onUnknown: (recipient: R) => void = () => {},
  ): void {
    if (this.#byKey.size === 0) return;
    const { matching, unknown } = this.#lookUp(topic, stepsThrough);
    for (const { recipients } of matching) for (const recipient of recipients) callback(recipient);
    for (const { recipients } of unknown) for (const recipient of recipients) onUnknown(recipient);
  }

  *all(): Generator<R, void> {
    for (const { recipients } of this.#byKey.values()) yield* recipients;
  }

  #lookUp(topic: string, stepsThrough: number): MatchResult<R> {
    const known: MatchResult<R> = this.#results.get(topic) ?? nothing;
    const isComplete = known.through === this.#lastSerial && known.unknown.length === 0;
    if (isComplete && known.matching.every(isAlive)) return known;
    const matching = known.matching.filter(isAlive);
    const unknown: Route<R>[] = [];
    const look = (route: Route<R>) => {
      if (route.pattern === undefined) return;
      if (work.steps >= stepsThrough) unknown.push(route);
      else if (route.pattern.matches(topic)) matching.push(route);
    };
    known.unknown.forEach(look);
    if (known.through === 0) this.#byLiteral.forEach(topic, look);
    else this.#since(known.through).forEach(look);
    const result = { through: this.#lastSerial, matching, unknown };
    this.#remember(topic, result);
    return result;
  }

  /** Returns the routes that are newer than a serial, the newest first. */
  #since(through: number): Route<R>[] {
    const routes: Route<R>[] = [];
    for (let index = this.#routes.length - 1; index >= 0 && this.#routes[index]!.serial > through; index--) {
      routes.push(this.#routes[index]!);
    }
    return routes;
  }

  #remember(topic: string, result: MatchResult<R>): void {
    if (topic.length > maxTopicLength) return;
    const known = this.#results.get(topic);
    if (known === undefined) this.#characters += topic.length;
    else this.#remembered -= sizeOf(known);
    this.#results.set(topic, result);
    this.#remembered += sizeOf(result);
    while (this.#remembered > this.#capacity || this.#characters > maxCharacters) {
      const [oldest, forgotten] = this.#results.shift()!;
      this.#remembered -= sizeOf(forgotten);
      this.#characters -= oldest.length;
    }
  }
}

function sizeOf<R>({ matching, unknown }: MatchResult<R>): number {
  return 1 + matching.length + unknown.length;
}

function isAlive<R>({ recipients }: Route<R>): boolean {
  return recipients.size > 0;
}
