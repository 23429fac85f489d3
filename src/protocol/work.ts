/**
 * Counts the steps that patterns have taken in this process, at worst: how often each instruction was looked at for a
 * character. Whoever asks for work looks at it before and after.
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

/** How many steps it takes to read any other matcher. */
const stepsPerMatcher = 100;

/** How many steps it takes to make a matcher of a text. */
export function stepsToCompile(matcher: {
  readonly type: string;
  readonly pattern: string;
  readonly cost: number;
}): number {
  const { type, pattern, cost } = matcher;
  const parsing = type === "urlpattern" ? stepsPerUrlPattern + pattern.length * stepsPerCharacter : stepsPerMatcher;
  return parsing + cost * stepsPerInstruction;
}

/** For work that nobody else waits for. */
export const unpaced: Pace = () => undefined;
