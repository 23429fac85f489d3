const breaks = /[\t-\r\x85\u2028\u2029]+/gu;
/** Control characters, lone surrogates, and characters that change the direction of the text after them. */
const harmful = /[\p{Cc}\p{Cs}\u202a-\u202e\u2066-\u2069]+/gu;
/** Characters that show nothing, in any number. The last one is an empty Braille cell. */
const invisible = /[\p{White_Space}\p{Default_Ignorable_Code_Point}\p{Cf}\u2800]/gu;

/** A visitor's input in a field, as one printable line; empty when none of it is visible. */
export function readable(value: unknown): string {
  if (typeof value !== "string") return "";
  const line = value.replaceAll(breaks, " ").replaceAll(harmful, "").trim();
  return line.replaceAll(invisible, "") === "" ? "" : line;
}
