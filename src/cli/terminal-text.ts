/**
 * Text of others as one line for a terminal: whoever may publish could otherwise send escape sequences, with which
 * terminals are driven.
 */
export function terminalText(text: string): string {
  return text.replace(/[\p{Cc}\p{Cf}\u2028\u2029]/gu, (character) => {
    if (character === "\n") return "\\n";
    if (character === "\t") return character;
    return `\\u{${character.codePointAt(0)!.toString(16)}}`;
  });
}
