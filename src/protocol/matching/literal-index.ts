/** Text at the beginning, or at the end, of everything that a pattern matches. */
export interface Literal {
  /** Returns whether a topic has the text in that place. A topic without it does not match. */
  isIn(topic: string): boolean;

  /** The kind of lookup. Literals that are looked up in the same way share it. */
  readonly kind: string;
  /** The lookup key of the literal. `keyIn` of a topic begins with this key when the topic contains the literal. */
  readonly key: string;
  /** Returns the lookup key of a topic. Undefined when the topic contains no literal of this kind. */
  keyIn(topic: string): string | undefined;
}

/** The max length of a literal in an index, in UTF-16 units: a topic is looked up once for each length. */
const maxKeyLength = 32;

export function beginsWith(text: string): Literal {
  return { isIn: (topic) => topic.startsWith(text), kind: "beginning", key: text, keyIn: (topic) => topic };
}

export function endsWith(text: string): Literal {
  return {
    isIn: (topic) => topic.endsWith(text),
    kind: "end",
    key: reversed(text),
    keyIn: (topic) => reversed(topic.slice(-maxKeyLength)),
  };
}

/** Reverses text by UTF-16 units, so that an end in the middle of a character also counts as an end. */
function reversed(text: string): string {
  return text.split("").reverse().join("");
}

interface Literals<T> {
  readonly keyIn: Literal["keyIn"];
  readonly byKey: Map<string, Set<T>>;
  /** The number of keys of each length. */
  readonly lengths: Map<number, number>;
}

/**
 * Finds candidate patterns for a topic by their literals, so that a topic is not compared with every pattern. A pattern
 * without a literal is a candidate for every topic.
 */
export class LiteralIndex<T> {
  readonly #byKind = new Map<string, Literals<T>>();
  readonly #others = new Set<T>();

  add(literal: Literal | undefined, item: T): void {
    if (literal === undefined) {
      this.#others.add(item);
      return;
    }
    const key = literal.key.slice(0, maxKeyLength);
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
    const key = literal.key.slice(0, maxKeyLength);
    const items = literals?.byKey.get(key);
    if (!literals || !items?.delete(item) || items.size > 0) return;
    literals.byKey.delete(key);
    const left = literals.lengths.get(key.length)! - 1;
    if (left > 0) literals.lengths.set(key.length, left);
    else literals.lengths.delete(key.length);
    if (literals.byKey.size === 0) this.#byKind.delete(literal.kind);
  }

  /** Calls back with every item that matches a topic, and with some that do not. */
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
