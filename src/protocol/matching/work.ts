/**
 * Counts the steps of all patterns in this process, at worst: one step is one instruction evaluated for one character.
 * Callers read the counter before and after the work.
 */
export const work = { steps: 0 };

/**
 * Records a caller's past or upcoming work, in steps of at most about 40 nanoseconds. Returns a promise when the event
 * loop must run other work; the caller must await it before it continues.
 */
export type Pace = (steps: number) => Promise<void> | undefined;

/** The steps to compile one instruction of an expression, at worst. */
export const stepsPerInstruction = 200;

/** The steps to parse a URL pattern: a fixed number, and a number for each character. */
const stepsPerUrlPattern = 10_000;
const stepsPerCharacter = 20;

/** The fixed number of steps to convert a template to an expression. */
const stepsPerTemplate = 1_000;

interface Sized {
  readonly type: string;
  readonly pattern: string;
  readonly cost: number;
}

/** Returns the steps to create a matcher from text. The expression of a URL pattern is compiled immediately. */
export function stepsToRead({ type, pattern, cost }: Sized): number {
  if (type !== "urlpattern") return stepsPerTemplate + pattern.length;
  return stepsPerUrlPattern + pattern.length * stepsPerCharacter + cost * stepsPerInstruction;
}

/** Returns the steps to compile the expression of an existing matcher. */
export function stepsToCompile({ type, cost }: Sized): number {
  return type === "urlpattern" ? 1 : cost * stepsPerInstruction;
}

/** A pace without pauses, for work that blocks nobody else. */
export const unpaced: Pace = () => undefined;
