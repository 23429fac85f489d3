import { isComponentName } from "./component-name.js";
import { checkProps } from "./grammar.js";
import { type EnvironmentOptions, lexer, type Token, type Tokenizer } from "./internals.js";
import { TemplateError } from "./template-error.js";

/** What the parser needs to know of a tag of ours, in the order in which the tags begin. */
export type ScannedTag = ComponentTag | RawTag;

export interface ComponentTag {
  readonly kind: "component";
  readonly name: string;
  /** Whether an end tag closes it; without one it has no children. */
  closed: boolean;
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
  readonly tags: readonly ScannedTag[];
  /** Every variable that the source may read: what is not among them, a component does not name. */
  readonly variables: ReadonlySet<string>;
}

export interface ScanOptions {
  readonly template: string | undefined;
  readonly environment: EnvironmentOptions;
  /** The components that exist. */
  readonly components: readonly string[];
  /** Says that a component does not exist. */
  describeMissing(name: string): string;
  /** Whether a filter calls back, so that what follows waits for it. */
  isAsyncFilter(name: string): boolean;
  /** Whether an extension of the application owns a tag. */
  isForeign(tag: string): boolean;
}

/** Stands for a `raw` or `verbatim` block, which Nunjucks itself only finds behind the delimiter `{%`. */
export const rawTagName = "mercure_raw";

/** Blocks that Nunjucks needs closed: an end tag of a component does not reach across them. */
const blocks = new Set(["if", "ifAsync", "for", "asyncEach", "asyncAll", "block", "macro", "call", "filter", "switch"]);
const branches = new Set(["else", "elif", "elseif", "case", "default"]);
/** Tags of Nunjucks beside blocks and branches; their names may be those of components, written in lower case. */
const otherTags = new Set(["extends", "include", "import", "from", "set"]);
const blockEnds: Record<string, readonly string[]> = {
  endif: ["if", "ifAsync"],
  endeach: ["asyncEach"],
  endall: ["asyncAll"],
};

/** Blocks whose text has to be there at once; so have the children of components. */
const immediateBlocks = new Set(["macro", "call", "set", "filter"]);
/** Loops and conditions that are written to wait. */
const waitingBlocks = new Set(["ifAsync", "asyncEach", "asyncAll"]);

/** What waits, where it stands, and what is open around it. */
interface Waiting {
  readonly what: string;
  readonly at: Token;
  readonly within: readonly Open[];
}

/** Says that something asynchronous stands where nothing can wait, and the way out. */
export function cannotWait(what: string, within: string): string {
  return `${what} cannot be waited for inside ${within}: put its result into a variable before, as by "set".`;
}

interface Open {
  readonly name: string;
  /** The tag when it is a component's; undefined for a block of Nunjucks. */
  readonly tag?: ComponentTag;
  /** The index of the innermost block here, itself included; -1 outside of all. Spares searches for it. */
  readonly block: number;
}

/**
 * Reads a source once, with Nunjucks' own lexer: pairs component tags with their end tags, which are optional, takes out
 * `raw` blocks, and finds the mistakes that Nunjucks would report badly or not at all.
 *
 * @throws TemplateError
 */
export function scan(source: string, options: ScanOptions): Scan {
  return new Scanner(source, options).run();
}

class Scanner {
  readonly #source: string;
  readonly #options: ScanOptions;
  readonly #tokens: Tokenizer;
  readonly #tags: ScannedTag[] = [];
  readonly #variables = new Set<string>();
  readonly #open: Open[] = [];
  readonly #waiting: Waiting[] = [];
  /** The source with raw blocks replaced, as far as {@link #copied}. */
  #rewritten = "";
  #copied = 0;

  constructor(source: string, options: ScanOptions) {
    this.#source = source;
    this.#options = options;
    this.#tokens = lexer.lex(source, options.environment);
  }

  run(): Scan {
    for (let token = this.#next(); token !== null; token = this.#next()) {
      if (token.type === lexer.TOKEN_BLOCK_START) this.#block();
      else if (token.type === lexer.TOKEN_VARIABLE_START) this.#collectVariables(this.#until(lexer.TOKEN_VARIABLE_END));
    }
    this.#refuseWaiting();
    return {
      source: this.#rewritten + this.#source.slice(this.#copied),
      tags: this.#tags,
      variables: this.#variables,
    };
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
      throw this.#error(`The tag "${name.value}" does not end: ${end} or a quotation mark is missing.`, name);
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

  #refuseWrongCase(tag: Token): void {
    const [, end = "", name = ""] = /^(end)?(.*)$/.exec(tag.value) ?? [];
    if (blocks.has(name) || branches.has(name) || otherTags.has(name)) return;
    const meant = this.#options.components.find((component) => component.toLowerCase() === name.toLowerCase());
    if (meant === undefined || this.#options.isForeign(tag.value)) return;
    throw this.#error(`There is no tag "${tag.value}". Did you mean "${end}${meant}"?`, tag);
  }

  #component(name: Token, inside: readonly Token[]): void {
    if (!this.#options.components.includes(name.value)) {
      throw this.#error(this.#options.describeMissing(name.value), name, undefined, "ERR_COMPONENT");
    }
    checkProps(inside, (message, token) => this.#error(message, token));
    const tag: ComponentTag = {
      kind: "component",
      name: name.value,
      closed: false,
      line: name.lineno + 1,
      column: name.colno + 1,
    };
    this.#tags.push(tag);
    this.#open.push({ name: name.value, tag, block: this.#innermostBlock() });
    this.#collectVariables(inside);
  }

  /** Closes the nearest open tag of the name; tags that were opened after it have no children. */
  #endComponent(end: Token): void {
    const name = end.value.slice(3);
    const block = this.#innermostBlock();
    const index = this.#open.findLastIndex((open) => open.name === name);
    if (index === -1) throw this.#error(`"${end.value}" closes nothing: no "${name}" is open.`, end);
    if (index < block) {
      const { line } = this.#open[index]!.tag!;
      const inner = this.#open[block]!.name;
      throw this.#error(`"${end.value}" would close the "${name}" of line ${line} from within "${inner}".`, end);
    }
    this.#open[index]!.tag!.closed = true;
    this.#open.length = index;
  }

  /** A component that was opened within a block or a branch cannot be closed outside of it. */
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

  /** Replaces `<% raw %>…<% endraw %>` by one tag with as many line breaks, so that lines keep their numbers. */
  #raw(name: Token, tagStart: number): void {
    const { BLOCK_START, BLOCK_END } = this.#tokens.tags;
    const pattern = `${literal(BLOCK_START)}(-?)\\s*(end)?${name.value}\\s*(-?)${literal(BLOCK_END)}`;
    const tag = new RegExp(pattern, "g");
    const bodyStart = this.#tokens.index;
    tag.lastIndex = bodyStart;
    let depth = 1;
    let end = tag.exec(this.#source);
    for (; end !== null; end = tag.exec(this.#source)) {
      depth += end[2] === undefined ? 1 : -1;
      if (depth === 0) break;
    }
    if (end === null) throw this.#error(`"${name.value}" is not closed: "end${name.value}" is missing.`, name);
    const trimsStart = this.#source.slice(tagStart, bodyStart).trimEnd().endsWith(`-${BLOCK_END}`);
    let text = this.#source.slice(bodyStart, end.index);
    if (trimsStart) text = text.trimStart();
    if (end[1] === "-") text = text.trimEnd();
    this.#tags.push({ kind: "raw", text });

    const lines = this.#source.slice(tagStart, tag.lastIndex).replace(/[^\n]/g, "");
    this.#rewritten += `${this.#source.slice(this.#copied, tagStart)} ${rawTagName} ${lines}${end[3]}${BLOCK_END}`;
    this.#copied = tag.lastIndex;
    this.#tokens.forwardN(tag.lastIndex - bodyStart);
    if (this.#options.environment.trimBlocks) this.#trimLineBreak();
  }

  /** The lexer drops a line break after a block; it has not seen the end of this one. */
  #trimLineBreak(): void {
    const lineBreak = /\r?\n/y;
    lineBreak.lastIndex = this.#copied;
    const found = lineBreak.exec(this.#source);
    if (found !== null) this.#tokens.forwardN(found[0].length);
  }

  #noteFilters(tokens: readonly Token[]): void {
    const significant = tokens.filter((token) => token.type !== lexer.TOKEN_WHITESPACE);
    significant.forEach((at, i) => {
      if (significant[i - 1]?.type !== lexer.TOKEN_PIPE || !this.#options.isAsyncFilter(at.value)) return;
      this.#waiting.push({ what: `The asynchronous filter "${at.value}"`, at, within: [...this.#open] });
    });
  }

  /** Only now it is known which tags have children. */
  #refuseWaiting(): void {
    for (const { what, at, within } of this.#waiting) {
      const inner = within.findLast(({ name, tag }) => (tag === undefined ? immediateBlocks.has(name) : tag.closed));
      if (inner !== undefined) throw this.#error(cannotWait(what, `"${inner.name}"`), at);
    }
  }

  /** Symbols that are no property (`a.b`), filter (`a | b`) or keyword argument (`b=`). */
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

function literal(text: string): string {
  return text.replace(/[\\^$.*+?()[\]{}|]/g, "\\$&");
}
