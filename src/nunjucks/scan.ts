import { blockEnds, blocks, branches, immediateBlocks, otherTags, waitingBlocks } from "./block-tags.js";
import { isComponentName } from "./component-name.js";
import { checkProps } from "./grammar.js";
import { type EnvironmentOptions, lexer, type Token, type Tokenizer } from "./internals.js";
import { RawBlocks } from "./raw-blocks.js";
import { TemplateError } from "./template-error.js";

/** A tag of the library, as the scan passes it to the parser. */
export type ScannedTag = ComponentTag | RawTag;

export interface ComponentTag {
  readonly kind: "component";
  readonly name: string;
  /** The end tag as the source writes it. A tag without an end tag has no children. */
  end?: string;
  readonly line: number;
  readonly column: number;
}

export interface RawTag {
  readonly kind: "raw";
  readonly text: string;
}

export interface Scan {
  /** The source, with `raw` blocks replaced by {@link rawTagName} tags. */
  readonly source: string;
  /** The library's tags, in the order of their starts. */
  readonly tags: readonly ScannedTag[];
  /** Every variable that the source can read. */
  readonly variables: ReadonlySet<string>;
}

export interface ScanOptions {
  readonly template: string | undefined;
  readonly environment: EnvironmentOptions;
  /** The names of the existing components. */
  readonly components: readonly string[];
  /** Returns the message for a missing component. */
  describeMissing(name: string): string;
  /** Receives a warning about a tag with the delimiters of another environment. */
  warn(message: string): void;
  /** Whether a filter is asynchronous. */
  isAsyncFilter(name: string): boolean;
  /** Whether an extension of the application owns a tag. */
  isForeign(tag: string): boolean;
}

/** Something asynchronous, with its place and the open tags around it. */
interface AsyncPart {
  readonly what: string;
  readonly at: Token;
  readonly within: readonly OpenTag[];
}

/** Returns the message for something asynchronous in a synchronous place, with the remedy. */
export function cannotWait(what: string, within: string): string {
  return `${what} cannot be awaited inside ${within}: put its result into a variable first, for example with "set".`;
}

interface OpenTag {
  readonly name: string;
  /** A component's tag; undefined for a block of Nunjucks. */
  readonly tag?: ComponentTag;
  /** The index of the innermost block here, itself included; -1 outside all blocks. It saves a search. */
  readonly block: number;
}

/**
 * Scans a source once, with Nunjucks' own lexer. It pairs component tags with their optional end tags, extracts `raw`
 * blocks, and finds mistakes that Nunjucks reports badly or not at all.
 *
 * @throws TemplateError for a mistake in the source.
 */
export function scan(source: string, options: ScanOptions): Scan {
  return new Scanner(source, options).run();
}

class Scanner {
  readonly #options: ScanOptions;
  readonly #tokens: Tokenizer;
  readonly #tags: ScannedTag[] = [];
  readonly #variables = new Set<string>();
  readonly #open: OpenTag[] = [];
  readonly #waiting: AsyncPart[] = [];
  readonly #rawBlocks: RawBlocks;

  constructor(source: string, options: ScanOptions) {
    this.#options = options;
    this.#tokens = lexer.lex(source, options.environment);
    this.#rawBlocks = new RawBlocks(source, this.#tokens, options.environment.trimBlocks === true);
  }

  run(): Scan {
    for (let token = this.#next(); token !== null; token = this.#next()) {
      if (token.type === lexer.TOKEN_BLOCK_START) this.#block();
      else if (token.type === lexer.TOKEN_DATA) this.#findForeignTag(token);
      else if (token.type === lexer.TOKEN_VARIABLE_START) this.#collectVariables(this.#until(lexer.TOKEN_VARIABLE_END));
    }
    this.#refuseWaiting();
    return {
      source: this.#rawBlocks.rewritten,
      tags: this.#tags,
      variables: this.#variables,
    };
  }

  /** Warns of a component's tag that is text here, such as `{% Card %}` in an environment with `<% %>`. */
  #findForeignTag(text: Token): void {
    const all = [...text.value.matchAll(/(?:\{%|<%|\[%)-?\s*([A-Z]\w*)/g)];
    const found = all.find(([, name]) => this.#options.components.includes(name!));
    if (found === undefined) return;
    const [tag] = found;
    const line = text.lineno + text.value.slice(0, found.index).split("\n").length;
    const place = `${this.#options.template ?? "unnamed template"}, line ${line}`;
    const start = JSON.stringify(this.#tokens.tags.BLOCK_START);
    this.#options.warn(
      `htmx-mercure: ${JSON.stringify(tag)} is text and no tag (${place}): the tags of this environment begin with ${start}.`,
    );
  }

  #next(): Token | null {
    const { lineno, colno } = this.#tokens;
    try {
      return this.#tokens.nextToken();
    } catch (error) {
      throw this.#error((error as Error).message, { lineno, colno }, { cause: error });
    }
  }

  #until(end: string): Token[] {
    const tokens: Token[] = [];
    for (let token = this.#next(); token !== null; token = this.#next()) {
      tokens.push(token);
      if (token.type === end) break;
    }
    return tokens;
  }

  #block(): void {
    const start = this.#tokens.index;
    const tokens = this.#until(lexer.TOKEN_BLOCK_END);
    const first = tokens.findIndex((token) => token.type !== lexer.TOKEN_WHITESPACE);
    const name = tokens[first];
    if (name === undefined || name.type !== lexer.TOKEN_SYMBOL) return;
    if (tokens.at(-1)?.type !== lexer.TOKEN_BLOCK_END) {
      const end = JSON.stringify(this.#tokens.tags.BLOCK_END);
      throw this.#error(`The tag "${name.value}" is not closed: ${end} or a quotation mark is missing.`, name);
    }
    const inside = tokens.slice(first + 1);
    if (name.value === "raw" || name.value === "verbatim") this.#raw(name, start);
    else if (
      name.value.startsWith("end") &&
      isComponentName(name.value.slice(3)) &&
      !this.#options.isForeign(name.value.slice(3))
    )
      this.#endComponent(name);
    else if (isComponentName(name.value) && !this.#options.isForeign(name.value)) this.#component(name, inside);
    else {
      this.#refuseWrongCase(name);
      if (name.value === "filter") this.#noteFilters([{ ...name, type: lexer.TOKEN_PIPE }, ...inside]);
      if (waitingBlocks.has(name.value))
        this.#waiting.push({ what: `"${name.value}"`, at: name, within: [...this.#open] });
      const isAssignment = inside.some(({ value, type }) => value === "=" && type === lexer.TOKEN_OPERATOR);
      this.#nunjucksBlock(name.value, isAssignment);
      this.#collectVariables(inside);
    }
  }

  #raw(name: Token, tagStart: number): void {
    const text = this.#rawBlocks.take(name.value, tagStart);
    if (text === undefined) throw this.#error(`"${name.value}" is not closed: "end${name.value}" is missing.`, name);
    this.#tags.push({ kind: "raw", text });
  }

  #refuseWrongCase(tag: Token): void {
    const [, end = "", name = ""] = /^(end)?(.*)$/.exec(tag.value) ?? [];
    if (blocks.has(name) || branches.has(name) || otherTags.has(name)) return;
    const meant = this.#options.components.find((component) => component.toLowerCase() === name.toLowerCase());
    if (meant === undefined || this.#options.isForeign(tag.value)) return;
    throw this.#error(`Unknown tag "${tag.value}". Did you mean "${end}${meant}"?`, tag);
  }

  #component(name: Token, inside: readonly Token[]): void {
    const composed = name.value.normalize("NFC");
    if (!this.#options.components.includes(composed)) {
      throw this.#error(this.#options.describeMissing(name.value), name, undefined, "ERR_COMPONENT");
    }
    checkProps(inside, (message, token) => this.#error(message, token));
    const tag: ComponentTag = {
      kind: "component",
      name: name.value,
      line: name.lineno + 1,
      column: name.colno + 1,
    };
    this.#tags.push(tag);
    this.#open.push({ name: composed, tag, block: this.#innermostBlock() });
    this.#collectVariables(inside);
  }

  /** Closes the nearest open tag of the name. Tags opened after it have no children. */
  #endComponent(end: Token): void {
    const name = end.value.slice(3).normalize("NFC");
    const block = this.#innermostBlock();
    const index = this.#open.findLastIndex((open) => open.name === name);
    if (index === -1) throw this.#error(`"${end.value}" has no matching "${name}".`, end);
    if (index < block) {
      const { line } = this.#open[index]!.tag!;
      const inner = this.#open[block]!.name;
      throw this.#error(
        `"${end.value}" closes the "${name}" of line ${line} inside "${inner}". Close "${inner}" first.`,
        end,
      );
    }
    this.#open[index]!.tag!.end = end.value;
    this.#open.length = index;
  }

  /** Opens or closes a block. A component that opens within a block or a branch cannot close outside it. */
  #nunjucksBlock(name: string, isAssignment: boolean): void {
    if (blocks.has(name) || (name === "set" && !isAssignment)) {
      this.#open.push({ name, block: this.#open.length });
    } else if (branches.has(name)) {
      this.#open.length = this.#innermostBlock() + 1;
    } else if (name.startsWith("end")) {
      const starts = blockEnds[name] ?? [name.slice(3)];
      let block = this.#innermostBlock();
      while (block >= 0 && !starts.includes(this.#open[block]!.name)) block = this.#open[block - 1]?.block ?? -1;
      if (block >= 0) this.#open.length = block;
    }
  }

  #innermostBlock(): number {
    return this.#open.at(-1)?.block ?? -1;
  }

  #noteFilters(tokens: readonly Token[]): void {
    const significant = tokens.filter((token) => token.type !== lexer.TOKEN_WHITESPACE);
    significant.forEach((at, i) => {
      if (significant[i - 1]?.type !== lexer.TOKEN_PIPE || !this.#options.isAsyncFilter(at.value)) return;
      this.#waiting.push({ what: `The asynchronous filter "${at.value}"`, at, within: [...this.#open] });
    });
  }

  /**
   * Rejects asynchronous parts in synchronous places. It runs last, because only the end shows which tags have
   * children.
   */
  #refuseWaiting(): void {
    for (const { what, at, within } of this.#waiting) {
      const inner = within.findLast(({ name, tag }) =>
        tag === undefined ? immediateBlocks.has(name) : tag.end !== undefined,
      );
      if (inner !== undefined) throw this.#error(cannotWait(what, `"${inner.name}"`), at);
    }
  }

  /** Collects symbols, except properties (`a.b`), filters (`a | b`) and keyword arguments (`b=`). */
  #collectVariables(tokens: readonly Token[]): void {
    this.#noteFilters(tokens);
    const significant = tokens.filter((token) => token.type !== lexer.TOKEN_WHITESPACE);
    significant.forEach((token, i) => {
      if (token.type !== lexer.TOKEN_SYMBOL) return;
      const before = significant[i - 1];
      const after = significant[i + 1];
      if (before?.value === "." || before?.type === lexer.TOKEN_PIPE || after?.value === "=") return;
      this.#variables.add(token.value);
    });
  }

  #error(
    message: string,
    at: { lineno: number; colno: number },
    options?: { readonly cause?: unknown },
    code: "ERR_TEMPLATE" | "ERR_COMPONENT" = "ERR_TEMPLATE",
  ): TemplateError {
    const location = { template: this.#options.template, line: at.lineno + 1, column: at.colno + 1 };
    return new TemplateError(code, message, location, options);
  }
}
