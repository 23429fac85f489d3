/** The first letters of a name's first and last word. */
export function initials(name: string): string {
  const words = name.split(/\s+/u);
  return [words[0], words.length > 1 ? words.at(-1) : ""].map((word) => [...(word ?? "")][0] ?? "").join("");
}

/** One of the eight colours that the stylesheet has for people; a name always has the same one. */
export function colour(name: string): number {
  return [...name].reduce((sum, letter) => (sum * 31 + (letter.codePointAt(0) ?? 0)) % 9973, 7) % 8;
}
