import assert from "node:assert/strict";
import type { TestContext } from "node:test";
import fc from "fast-check";
import { anyCharacter } from "./any-character.js";
import { isQuick } from "./depth.js";
import { heapUsed } from "./heap.js";

/**
 * The number of cases for each parser: ten thousand in CI, 300 in an `npm test` without names of files, else a thousand,
 * or as `npm run fuzz` says.
 */
const runs = Number(process.env.FUZZ_RUNS ?? (process.env.CI ? 10_000 : isQuick ? 300 : 1000));

/** The number of cases in a run that measures memory. After its first tenth every cache is full. */
const measuredRuns = 100_000;

/** The allowed growth by caches, in bytes. Over a million cases, an object for each case would take more. */
const maxGrowth = 32 * 1024 * 1024;

const turnAfter = 1000;

/** Tests a property with the requested number of cases. Long runs must not leave memory behind. */
export async function fuzz<Case>(t: TestContext, property: fc.IRawProperty<Case>): Promise<void> {
  const first = Math.ceil(runs / 10);
  await run(property, first);
  const before = heapUsed();
  await run(property, runs - first);
  if (runs < measuredRuns) return;
  const after = heapUsed();
  t.diagnostic(`${runs} cases; heap ${megabytes(before)} MiB after ${first}, ${megabytes(after)} MiB in the end`);
  assert.ok(after - before < maxGrowth, `the heap grew from ${megabytes(before)} to ${megabytes(after)} MiB`);
}

/** Yields to the event loop at intervals, because weakly held objects cannot be collected before. */
async function run<Case>(property: fc.IRawProperty<Case>, count: number): Promise<void> {
  for (let left = count; left > 0; left -= turnAfter) {
    await fc.assert(property as fc.IAsyncProperty<Case>, { numRuns: Math.min(left, turnAfter) });
    await new Promise(setImmediate);
  }
}

/**
 * Text as strangers send it: pieces with a meaning to the parser, random text, and sometimes very long and repetitive
 * text, which a parser must read in linear time.
 *
 * @param longest - In UTF-16 units; the default is the max of a request's head.
 */
export function hostileText(pieces: readonly string[], longest = 16_384): fc.Arbitrary<string> {
  const piece = fc.constantFrom(...pieces);
  const mixed = fc.array(fc.oneof({ arbitrary: piece, weight: 4 }, fc.string({ unit: anyCharacter, maxLength: 4 })), {
    maxLength: 10,
  });
  const repeated = fc.tuple(fc.array(piece, { minLength: 1, maxLength: 3 }), fc.nat(longest));
  return fc.oneof(
    { weight: 150, arbitrary: mixed.map((parts) => parts.join("")) },
    { weight: 20, arbitrary: fc.string({ unit: anyCharacter }) },
    {
      weight: 1,
      arbitrary: repeated.map(([parts, length]) => {
        const unit = parts.join("") || "a";
        return unit
          .repeat(Math.ceil(length / unit.length))
          .slice(0, length)
          .toWellFormed();
      }),
    },
  );
}

function megabytes(bytes: number): string {
  return (bytes / 1024 / 1024).toFixed(1);
}
