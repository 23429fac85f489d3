import type { TestContext } from "node:test";

/** Collects, until the test ends, the errors that would end the process. */
export function fatalErrors(t: TestContext): readonly unknown[] {
  const fatal: unknown[] = [];
  const note = (error: unknown) => void fatal.push(error);
  for (const event of ["uncaughtException", "unhandledRejection"]) {
    process.on(event, note);
    t.after(() => void process.off(event, note));
  }
  return fatal;
}
