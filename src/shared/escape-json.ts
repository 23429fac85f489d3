const special: Readonly<Record<string, string>> = { "<": "\\u003c", ">": "\\u003e", "&": "\\u0026" };

/**
 * Writes JSON so that it holds no markup: a page that swaps it in as HTML, or stands it into a script, shows text. It
 * means the same to every reader of JSON, since these characters stand in strings alone.
 */
export function escapeJson(json: string): string {
  return json.replace(/[<>&]/g, (character) => special[character]!);
}
