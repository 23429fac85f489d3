import { quote } from "./re2-expression.js";

/** The separator of a component's segments, and the prefix that an optional or repeated group includes. */
export interface Segments {
  readonly delimiter: string;
  readonly prefix: string;
}

interface Part {
  readonly prefix: string;
  /** The source of the group; undefined for plain text. */
  readonly group: string | undefined;
  readonly suffix: string;
  readonly modifier: string;
}

/** Matches a group's name: a colon and an identifier. URL Pattern, section 1.2, "is a valid name code point". */
const name = /^:[\p{ID_Start}$_][\p{ID_Continue}$\u200c\u200d]*/u;

/**
 * Converts one component of a URL pattern to the source of an expression in RE2's syntax. The component must be in the
 * normal form of a `URLPattern`. URL Pattern Living Standard, sections 2.1 and 2.2.
 */
export function componentSource(pattern: string, segments: Segments): string {
  return new ComponentReader(pattern, segments).read();
}

class ComponentReader {
  #rest: string;
  readonly #segments: Segments;

  constructor(pattern: string, segments: Segments) {
    this.#rest = pattern;
    this.#segments = segments;
  }

  read(): string {
    let source = "";
    while (this.#rest !== "") {
      if (this.#take(/^\{/)) {
        source += partSource(this.#braces());
        continue;
      }
      const before = this.#rest;
      const character = this.#take(/^[^\\{}:*(]/su);
      const group = this.#group();
      if (group === undefined) {
        this.#rest = before;
        source += quote(this.#text());
        continue;
      }
      const taken = character === this.#segments.prefix ? character : "";
      if (taken === "" && character !== undefined) source += quote(character);
      source += partSource({ prefix: taken, group, suffix: "", modifier: this.#modifier() });
    }
    return source;
  }

  /** Reads the content of braces. The opening brace is already consumed. */
  #braces(): Part {
    const prefix = this.#optionalText();
    const group = this.#group();
    const suffix = this.#optionalText();
    if (!this.#take(/^\}/)) throw new Error("A brace is not closed.");
    return { prefix, group, suffix, modifier: this.#modifier() };
  }

  /** Reads a group: a name, a regular expression, a name with an expression, or a wildcard. */
  #group(): string | undefined {
    const isNamed = this.#take(name) !== undefined;
    const expression = this.#expression();
    if (expression !== undefined) return expression;
    if (isNamed) return segmentSource(this.#segments.delimiter);
    return this.#take(/^\*/) && ".*";
  }

  /** Reads a group in parentheses. It can contain other groups and escaped parentheses. */
  #expression(): string | undefined {
    if (!this.#rest.startsWith("(")) return undefined;
    let depth = 0;
    for (let index = 0; index < this.#rest.length; index++) {
      const character = this.#rest[index];
      if (character === "\\") index++;
      else if (character === "(") depth++;
      else if (character === ")" && --depth === 0) {
        const source = this.#rest.slice(1, index);
        this.#rest = this.#rest.slice(index + 1);
        return source;
      }
    }
    throw new Error("A parenthesis is not closed.");
  }

  #modifier(): string {
    return this.#take(/^[?+*]/) ?? "";
  }

  #optionalText(): string {
    let text = "";
    for (let next = this.#character(); next !== undefined; next = this.#character()) text += next;
    return text;
  }

  /** Reads one literal character, escaped or not. */
  #text(): string {
    const character = this.#character();
    if (character === undefined) throw new Error("Unexpected character.");
    return character;
  }

  #character(): string | undefined {
    const escaped = this.#take(/^\\./su);
    return escaped === undefined ? this.#take(/^[^\\{}*(+?:]/su) : escaped.slice(1);
  }

  #take(token: RegExp): string | undefined {
    const taken = token.exec(this.#rest)?.[0];
    if (taken !== undefined) this.#rest = this.#rest.slice(taken.length);
    return taken;
  }
}

/** Returns the source for any text within one segment. */
function segmentSource(delimiter: string): string {
  return delimiter === "" ? ".+" : `[^${quote(delimiter)}]+`;
}

function partSource({ prefix, group, suffix, modifier }: Part): string {
  const before = quote(prefix);
  const after = quote(suffix);
  if (group === undefined) return `(?:${before}${after})${modifier}`;
  const once = `(?:${group})`;
  if (modifier === "" || modifier === "?") return `(?:${before}${once}${after})${modifier}`;
  const repeated = `(?:${before}${once}(?:${after}${before}${once})*${after})`;
  return modifier === "+" ? repeated : `${repeated}?`;
}
