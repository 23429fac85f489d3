/** The first character of an encoded text. */
const mark = "\u0001";

/** Returns a text that PostgreSQL can store: without NUL and halves of surrogate pairs. Most texts stay unchanged. */
export function storable(text: string): string {
  return text.startsWith(mark) || /[\0\p{Cs}]/u.test(text) ? `${mark}${JSON.stringify(text)}` : text;
}

/** Returns the original of a text that {@link storable} has encoded. */
export function original(text: string): string {
  return text.startsWith(mark) ? (JSON.parse(text.slice(1)) as string) : text;
}
