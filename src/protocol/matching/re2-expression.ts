import { RE2JS, RE2Set } from "re2js";
import { expressionSize } from "./expression-size.js";
import { stepsPerInstruction, work } from "./work.js";

/** The max size of one expression, in instructions of its automaton. Real patterns have a few dozen. */
export const maxExpressionSize = 1_000;

/** The max cost of one evaluation, in instructions times characters: at worst about 8 milliseconds. */
const maxCost = 200_000;

/** The fixed cost of an evaluation, in steps. */
const stepsPerEvaluation = 50;

/**
 * The max memory for an expression's cached automaton states, in bytes. Fewer cached states slow it down, but never
 * change the result.
 */
const stateMemory = 64 * 1024;

/**
 * A regular expression from an untrusted source, in RE2's syntax. It matches a whole text, in time linear in the text's
 * length. Expressions never backtrack, and their size, cost and memory are bounded.
 *
 * The size is known before compilation. The expression is compiled on first use, because a pattern's literal beginning
 * already excludes most topics.
 */
export class Re2Expression {
  /** An upper bound for the number of instructions. An evaluation costs at most this for each character. */
  readonly size: number;
  /** The beginning of every text that matches. */
  readonly beginning: string;
  readonly #source: string;
  #compiled: RE2Set | undefined;

  /**
   * @param beginning - The beginning of every text that matches. It excludes most topics without an evaluation.
   * @throws Error when the expression is too large.
   */
  constructor(source: string, beginning = "") {
    this.#source = source;
    this.beginning = beginning;
    this.size = expressionSize(source);
    if (this.size > maxExpressionSize) throw new Error("The expression is too large.");
  }

  /**
   * Compiles the expression before its first use.
   *
   * @throws Error when the source is not an RE2 expression.
   */
  prepare(): void {
    if (this.#compiled !== undefined) return;
    work.steps += this.size * stepsPerInstruction;
    this.#compiled = compile(this.#source);
  }

  /** Returns whether a text matches. A text whose evaluation would exceed the max cost does not match. */
  matches(text: string): boolean {
    if (!text.startsWith(this.beginning)) return false;
    if (this.size * text.length > maxCost) return false;
    this.prepare();
    work.steps += stepsPerEvaluation + this.size * text.length;
    return this.#compiled!.match(text).length > 0;
  }
}

/** Compiles a set of one expression, because `re2js` can bound the memory of sets only. */
function compile(source: string): RE2Set {
  const set = new RE2Set(RE2Set.ANCHOR_BOTH, 0, stateMemory);
  set.add(source);
  set.compile();
  return set;
}

/** Returns the source of an expression that matches a text literally. */
export function quote(text: string): string {
  return RE2JS.quote(text);
}
