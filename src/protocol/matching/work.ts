/**
 * Counts the steps that patterns have taken in this process, at worst: how often each instruction was looked at for a
 * character. Callers read it before and after the work.
 */
export const work = { steps: 0 };

/**
 * Counts work that a caller has done or is about to do, in steps of some 40 nanoseconds at worst. Returns a promise when
 * the event loop is due to others: whoever works on awaits it first.
 */
export type Pace = (steps: number) => Promise<void> | undefined;

/** How many steps it takes to compile one instruction of an expression, at worst. */
export const stepsPerInstruction = 200;

/** How many steps it takes to parse a URL pattern, however small, and one that is longer, for each character. */
const stepsPerUrlPattern = 10_000;
const stepsPerCharacter = 20;

/** How many steps it takes to write the expression of a template, however small. */
const stepsPerTemplate = 1_000;

interface Sized {
  readonly type: string;
  readonly pattern: string;
  readonly cost: number;
}

/** How many steps it takes to make a matcher of a text. The expression of a URL pattern is compiled at once. */
export function stepsToRead({ type, pattern, cost }: Sized): number {
  if (type !== "urlpattern") return stepsPerTemplate + pattern.length;
  return stepsPerUrlPattern + pattern.length * stepsPerCharacter + cost * stepsPerInstruction;
}

/** How many steps it takes to compile the expression of a matcher that has been read. */
export function stepsToCompile({ type, cost }: Sized): number {
  return type === "urlpattern" ? 1 : cost * stepsPerInstruction;
}

/** For work that nobody else waits for. */
export const unpaced: Pace = () => undefined;
