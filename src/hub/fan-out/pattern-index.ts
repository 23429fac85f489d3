import { LiteralIndex } from "../../protocol/matching/literal-index.js";
import type { Matcher } from "../../protocol/matching/matcher.js";
import { work } from "../../protocol/matching/work.js";
import { OldestFirstMap } from "../../shared/oldest-first-map.js";

/** Those who wait for what one pattern matches. */
interface Route<R> {
  /** Undefined when nobody waits any more: what it was compiled to must not live on in what is remembered. */
  pattern: Matcher | undefined;
  readonly recipients: Set<R>;
  /** Grows from one route to the next. */
  readonly serial: number;
}

/** The knowledge about a topic. */
interface Verdict<R> {
  /** Routes up to this serial have been looked at. */
  readonly through: number;
  readonly matching: readonly Route<R>[];
  /** Of these routes, those that were too much work. */
  readonly unknown: readonly Route<R>[];
}

const nothing = { through: 0, matching: [], unknown: [] };

/** How much is remembered: topics, and the patterns that match them. */
const capacity = 50_000;

/** How many characters the remembered topics may have together: anonymous clients can name long ones. */
const maxCharacters = 8_000_000;

/** Topics longer than this are not remembered: they would take memory that the count does not see. */
const longestTopic = 1_000;

/**
 * Finds those who wait for a topic by a pattern. An index of literals leaves most patterns out; each other is evaluated
 * once for a topic, whoever has it. The patterns that match are remembered in bounded memory, so that an update of a known
 * topic costs what its own recipients cost, however many other patterns there are. The topic that was new longest ago is
 * forgotten first.
 */
export class PatternRoutes<R> {
  readonly #capacity: number;
  readonly #byKey = new Map<string, Route<R>>();
  readonly #byLiteral = new LiteralIndex<Route<R>>();
  /** In the order of their serials. */
  #routes: Route<R>[] = [];
  #removed = 0;
  #lastSerial = 0;
  readonly #verdicts = new OldestFirstMap<string, Verdict<R>>();
  #remembered = 0;
  #characters = 0;

  constructor(limit: number = capacity) {
    this.#capacity = limit;
  }

  /** How many distinct patterns somebody waits for. */
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

  /** How many topics and matching patterns are remembered. */
  get remembered(): number {
    return this.#remembered;
  }

  /**
   * Calls back with those who wait for a topic, again with whom several patterns bring it.
   *
   * @param stepsThrough - Patterns are evaluated until {@link work} has come so far.
   * @param onUnknown - Called with those whose patterns were not evaluated. The next time these come first.
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

  #lookUp(topic: string, stepsThrough: number): Verdict<R> {
    const known: Verdict<R> = this.#verdicts.get(topic) ?? nothing;
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
    const verdict = { through: this.#lastSerial, matching, unknown };
    this.#remember(topic, verdict);
    return verdict;
  }

  /** The routes that are newer than a serial, the newest first. */
  #since(through: number): Route<R>[] {
    const routes: Route<R>[] = [];
    for (let index = this.#routes.length - 1; index >= 0 && this.#routes[index]!.serial > through; index--) {
      routes.push(this.#routes[index]!);
    }
    return routes;
  }

  #remember(topic: string, verdict: Verdict<R>): void {
    if (topic.length > longestTopic) return;
    const known = this.#verdicts.get(topic);
    if (known === undefined) this.#characters += topic.length;
    else this.#remembered -= sizeOf(known);
    this.#verdicts.set(topic, verdict);
    this.#remembered += sizeOf(verdict);
    while (this.#remembered > this.#capacity || this.#characters > maxCharacters) {
      const [oldest, forgotten] = this.#verdicts.shift()!;
      this.#remembered -= sizeOf(forgotten);
      this.#characters -= oldest.length;
    }
  }
}

function sizeOf<R>({ matching, unknown }: Verdict<R>): number {
  return 1 + matching.length + unknown.length;
}

function isAlive<R>({ recipients }: Route<R>): boolean {
  return recipients.size > 0;
}
