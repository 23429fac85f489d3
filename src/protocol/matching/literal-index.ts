/** Text that stands at the beginning, or at the end, of everything that a pattern matches. */
export interface Literal {
  /** Whether a topic has the text there; one that has not does not match. */
  isIn(topic: string): boolean;

  /** The same for literals that are looked up in the same way. */
  readonly kind: string;
  /** By which the literal is looked up: `keyIn` of a topic begins with it when the literal is in the topic. */
  readonly key: string;
  /** Undefined when no literal of this kind is in the topic. */
  keyIn(topic: string): string | undefined;
}

/** The max length of a literal in an index, in UTF-16 units: a topic is looked up once for each length. */
const longestKey = 32;

export function beginsWith(text: string): Literal {
  return { isIn: (topic) => topic.startsWith(text), kind: "beginning", key: text, keyIn: (topic) => topic };
}

export function endsWith(text: string): Literal {
  return {
    isIn: (topic) => topic.endsWith(text),
    kind: "end",
    key: reversed(text),
    keyIn: (topic) => reversed(topic.slice(-longestKey)),
  };
}

/** By UTF-16 units, so that an end in the middle of a character is an end too. */
function reversed(text: string): string {
  return text.split("").reverse().join("");
}

interface Literals<T> {
  readonly keyIn: Literal["keyIn"];
  readonly byKey: Map<string, Set<T>>;
  /** How many keys there are of each length. */
  readonly lengths: Map<number, number>;
}

/**
 * Finds what may match a topic by the literals of patterns, so that a topic is not held against every pattern. A
 * pattern without a literal may match any topic.
 */
export class LiteralIndex<T> {
  readonly #byKind = new Map<string, Literals<T>>();
  readonly #others = new Set<T>();

  add(literal: Literal | undefined, item: T): void {
    if (literal === undefined) {
      this.#others.add(item);
      return;
    }
    const key = literal.key.slice(0, longestKey);
    let literals = this.#byKind.get(literal.kind);
    if (literals === undefined) {
      literals = { keyIn: literal.keyIn, byKey: new Map(), lengths: new Map() };
      this.#byKind.set(literal.kind, literals);
    }
    const items = literals.byKey.get(key);
    if (items !== undefined) {
      items.add(item);
      return;
    }
    literals.byKey.set(key, new Set([item]));
    literals.lengths.set(key.length, (literals.lengths.get(key.length) ?? 0) + 1);
  }

  remove(literal: Literal | undefined, item: T): void {
    if (literal === undefined) {
      this.#others.delete(item);
      return;
    }
    const literals = this.#byKind.get(literal.kind);
    const key = literal.key.slice(0, longestKey);
    const items = literals?.byKey.get(key);
    if (!literals || !items?.delete(item) || items.size > 0) return;
    literals.byKey.delete(key);
    const left = literals.lengths.get(key.length)! - 1;
    if (left > 0) literals.lengths.set(key.length, left);
    else literals.lengths.delete(key.length);
    if (literals.byKey.size === 0) this.#byKind.delete(literal.kind);
  }

  /** Calls back with all that may match a topic, and with some that does not. */
  forEach(topic: string, callback: (item: T) => void): void {
    this.#others.forEach(callback);
    for (const { keyIn, byKey, lengths } of this.#byKind.values()) {
      const key = keyIn(topic);
      if (key === undefined) continue;
      for (const length of lengths.keys()) {
        if (length <= key.length) byKey.get(key.slice(0, length))?.forEach(callback);
      }
    }
  }
}
