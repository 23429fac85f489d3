import type { Tokenizer } from "./internals.js";

/** The tag that replaces a `raw` or `verbatim` block. Nunjucks itself only finds those with the delimiter `{%`. */
export const rawTagName = "mercure_raw";

/** Takes the `raw` and `verbatim` blocks out of a source, one after the other. */
export class RawBlocks {
  readonly #source: string;
  readonly #tokens: Tokenizer;
  readonly #trimsBlocks: boolean;
  /** The source with the blocks replaced, as far as {@link #copied}. */
  #rewritten = "";
  #copied = 0;

  /** @param trimsBlocks - Whether a line break after a block is dropped. */
  constructor(source: string, tokens: Tokenizer, trimsBlocks: boolean) {
    this.#source = source;
    this.#tokens = tokens;
    this.#trimsBlocks = trimsBlocks;
  }

  /** The source with one tag for each block. */
  get rewritten(): string {
    return this.#rewritten + this.#source.slice(this.#copied);
  }

  /**
   * Replaces `<% raw %>…<% endraw %>` with one tag with as many line breaks, so that line numbers stay the same.
   * Returns the text of the block; undefined if its end is missing.
   *
   * @param name - The name of the tag whose start was read last.
   * @param tagStart - The index of that tag.
   */
  take(name: string, tagStart: number): string | undefined {
    const { BLOCK_START, BLOCK_END } = this.#tokens.tags;
    const tag = new RegExp(`${literal(BLOCK_START)}(-?)\\s*(end)?${name}\\s*(-?)${literal(BLOCK_END)}`, "g");
    const bodyStart = this.#tokens.index;
    tag.lastIndex = bodyStart;
    let depth = 1;
    let end = tag.exec(this.#source);
    for (; end !== null; end = tag.exec(this.#source)) {
      depth += end[2] === undefined ? 1 : -1;
      if (depth === 0) break;
    }
    if (end === null) return undefined;
    const trimsStart = this.#source.slice(tagStart, bodyStart).trimEnd().endsWith(`-${BLOCK_END}`);
    let text = this.#source.slice(bodyStart, end.index);
    if (trimsStart) text = text.trimStart();
    if (end[1] === "-") text = text.trimEnd();
    const lines = this.#source.slice(tagStart, tag.lastIndex).replace(/[^\n]/g, "");
    this.#rewritten += `${this.#source.slice(this.#copied, tagStart)} ${rawTagName} ${lines}${end[3]}${BLOCK_END}`;
    this.#copied = tag.lastIndex;
    this.#tokens.forwardN(tag.lastIndex - bodyStart);
    if (this.#trimsBlocks) this.#skipLineBreak();
    return text;
  }

  /** Skips a line break after a block. The lexer drops it after a block, but did not see this block's end. */
  #skipLineBreak(): void {
    const lineBreak = /\r?\n/y;
    lineBreak.lastIndex = this.#copied;
    const found = lineBreak.exec(this.#source);
    if (found !== null) this.#tokens.forwardN(found[0].length);
  }
}

function literal(text: string): string {
  return text.replace(/[\\^$.*+?()[\]{}|]/g, "\\$&");
}
