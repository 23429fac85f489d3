import fc from "fast-check";

const surrogates = { first: 0xd800, count: 0x800 };

/**
 * Any code point but half surrogate pairs, as the unit of a string. The unit "binary" of fast-check has the same ones, and
 * needs a second to begin, for a table of them all.
 */
export const anyCharacter: fc.Arbitrary<string> = fc
  .nat(0x10ffff - surrogates.count)
  .map((number) => String.fromCodePoint(number < surrogates.first ? number : number + surrogates.count));
