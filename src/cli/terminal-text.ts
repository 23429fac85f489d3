/**
 * Returns publishers' text as one line that is safe for a terminal. It escapes control characters, which can drive
 * terminals, and characters that change the direction of text. It keeps the two joiners, because words and emoji need
 * them.
 */
export function terminalText(text: string): string {
  return text.replace(/(?![\u200c\u200d])[\p{Cc}\p{Cf}\u2028\u2029]/gu, (character) => {
    if (character === "\n") return "\\n";
    if (character === "\t") return character;
    return `\\u{${character.codePointAt(0)!.toString(16)}}`;
  });
}
