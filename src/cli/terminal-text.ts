/**
 * Returns text of others as one line for a terminal. Publishers could otherwise send escape sequences, which drive
 * terminals, and characters that turn the direction of text. The two joiners do neither, and words and emoji need them.
 */
export function terminalText(text: string): string {
  return text.replace(/(?![\u200c\u200d])[\p{Cc}\p{Cf}\u2028\u2029]/gu, (character) => {
    if (character === "\n") return "\\n";
    if (character === "\t") return character;
    return `\\u{${character.codePointAt(0)!.toString(16)}}`;
  });
}
