import fc from "fast-check";

const surrogates = { first: 0xd800, count: 0x800 };

/**
 * Any code point, including lone surrogates, as the unit of a string. The unit "binary" of fast-check has the same code
 * points, and takes a second to make a table of them.
 */
export const anyCharacter: fc.Arbitrary<string> = fc
  .nat(0x10ffff - surrogates.count)
  .map((number) => String.fromCodePoint(number < surrogates.first ? number : number + surrogates.count));
