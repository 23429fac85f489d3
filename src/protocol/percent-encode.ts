/**
 * Percent-encodes everything but RFC 3986's unreserved characters, as RFC 6570 expands `{variable}`. Unlike
 * `encodeURIComponent` it leaves nothing that could end an attribute or a string in a script, in either kind of quotes.
 * Lone surrogates, which no UTF-8 can hold, become U+FFFD.
 */
export function percentEncode(text: string): string {
  const encoded = encodeURIComponent(text.toWellFormed());
  if (!/[!'()*]/.test(encoded)) return encoded;
  return encoded.replace(/[!'()*]/g, (character) => `%${character.charCodeAt(0).toString(16).toUpperCase()}`);
}

/** Undefined for what is no percent-encoded UTF-8. */
export function percentDecode(text: string): string | undefined {
  try {
    return decodeURIComponent(text);
  } catch {
    return undefined;
  }
}
