/**
 * The tokens of streams whose page went into the history, by the stream's URL without token and cursor. They stay in
 * this document's memory, and never reach the session storage, where htmx keeps its snapshots.
 */
const tokens = new Map<string, string>();

export function rememberToken(url: string, token: string): void {
  tokens.set(url, token);
}

export function recallToken(url: string): string | undefined {
  return tokens.get(url);
}
