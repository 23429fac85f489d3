/** Returns the number of random cases for a property: all of them in CI, and a tenth on a developer's machine. */
export function cases(inContinuousIntegration: number): number {
  return process.env.CI ? inContinuousIntegration : Math.ceil(inContinuousIntegration / 10);
}
