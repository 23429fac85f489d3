import { RE2JS, RE2Set } from "re2js";
import { expressionSize } from "./expression-size.js";
import { stepsPerInstruction, work } from "./work.js";

/** The max size of one expression, in instructions of its automaton; those of real patterns have a few dozen. */
export const largestExpression = 1_000;

/** The max cost of one evaluation, in instructions times characters: at worst some 8 milliseconds. */
const largestCost = 200_000;

/** The fixed cost of an evaluation, in steps. */
const stepsPerEvaluation = 50;

/** How much an expression may remember of its automaton's states, in bytes. Without them it is slower, never wrong. */
const stateMemory = 64 * 1024;

/**
 * A regular expression from an untrusted source, in RE2's syntax. It matches a whole text or does not, in time that is
 * proportional to its length: no expression backtracks, none exceeds a fixed size, cost and memory.
 *
 * Its size is known before anything is compiled, and it is compiled when it is first needed: most patterns are told
 * from most topics by their beginnings.
 */
export class LinearExpression {
  /** In instructions, an upper bound. An evaluation costs no more than this for each character. */
  readonly size: number;
  /** The beginning of every text that matches. */
  readonly beginning: string;
  readonly #source: string;
  #compiled: RE2Set | undefined;

  /**
   * @param beginning - The beginning of every text that matches: it tells most patterns from a topic at once.
   * @throws Error when the expression is too large.
   */
  constructor(source: string, beginning = "") {
    this.#source = source;
    this.beginning = beginning;
    this.size = expressionSize(source);
    if (this.size > largestExpression) throw new Error("The expression is too large.");
  }

  /**
   * Compiles the expression ahead of its first use.
   *
   * @throws Error when the source is not an expression of RE2.
   */
  prepare(): void {
    if (this.#compiled !== undefined) return;
    work.steps += this.size * stepsPerInstruction;
    this.#compiled = compile(this.#source);
  }

  /** A text whose evaluation would cost more than is allowed does not match. */
  matches(text: string): boolean {
    if (!text.startsWith(this.beginning)) return false;
    if (this.size * text.length > largestCost) return false;
    this.prepare();
    work.steps += stepsPerEvaluation + this.size * text.length;
    return this.#compiled!.match(text).length > 0;
  }
}

/** A set of one: only of sets can the memory be bounded. */
function compile(source: string): RE2Set {
  const set = new RE2Set(RE2Set.ANCHOR_BOTH, 0, stateMemory);
  set.add(source);
  set.compile();
  return set;
}

/** The source of an expression that matches a text as it is. */
export function quote(text: string): string {
  return RE2JS.quote(text);
}
