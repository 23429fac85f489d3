/**
 * Percent-encodes everything except RFC 3986's unreserved characters, as RFC 6570 expands `{variable}`. Unlike
 * `encodeURIComponent`, it encodes every character that could end an attribute or a script string, in either kind of
 * quotes. Lone surrogates, which UTF-8 cannot hold, become U+FFFD.
 */
export function percentEncode(text: string): string {
  const encoded = encodeURIComponent(text.toWellFormed());
  if (!/[!'()*]/.test(encoded)) return encoded;
  // A callback for each character takes two to three times as long.
  return others.reduce((text, [character, code]) => text.replaceAll(character, code), encoded);
}

/** The characters that `encodeURIComponent` leaves. */
const others = [..."!'()*"].map((each) => [each, `%${each.charCodeAt(0).toString(16).toUpperCase()}`] as const);

/** Decodes percent-encoded UTF-8. Returns undefined for invalid input. */
export function percentDecode(text: string): string | undefined {
  try {
    return decodeURIComponent(text);
  } catch {
    return undefined;
  }
}
