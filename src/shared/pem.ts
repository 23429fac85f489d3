/**
 * Returns a PEM key with real line breaks in place of `\n`, which environment files use to keep it on one line. Other
 * keys stay unchanged.
 */
export function unfoldPem<Key extends string | undefined>(key: Key): Key | string {
  return key?.includes("-----BEGIN ") ? key.replaceAll(/(?:\\r)?\\n/g, "\n") : key;
}
