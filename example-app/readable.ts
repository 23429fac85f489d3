const breaks = /[\t-\r\x85\u2028\u2029]+/gu;
/** Control characters, halves of characters, and what turns the direction of the text that follows. */
const harmful = /[\p{Cc}\p{Cs}\u202a-\u202e\u2066-\u2069]+/gu;
/** What shows nothing, however much there is of it. The last one is an empty Braille cell. */
const invisible = /[\p{White_Space}\p{Default_Ignorable_Code_Point}\p{Cf}\u2800]/gu;

/** What a visitor wrote in a field, as one line that is fit to be shown; empty when nothing of it could be seen. */
export function readable(value: unknown): string {
  if (typeof value !== "string") return "";
  const line = value.replaceAll(breaks, " ").replaceAll(harmful, "").trim();
  return line.replaceAll(invisible, "") === "" ? "" : line;
}
