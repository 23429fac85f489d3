const special: Readonly<Record<string, string>> = { "<": "\\u003c", ">": "\\u003e", "&": "\\u0026" };

/**
 * Escapes JSON so that it contains no markup: a page that inserts it as HTML, or into a script, shows text. Every JSON
 * reader parses the same value, because these characters occur in strings only.
 */
export function escapeJson(json: string): string {
  return json.replace(/[<>&]/g, (character) => special[character]!);
}
