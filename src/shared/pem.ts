/** A key in PEM that stands in one line, as environment files hold it, with `\n` for its line breaks. Other keys stay. */
export function unfoldPem<Key extends string | undefined>(key: Key): Key | string {
  return key?.includes("-----BEGIN ") ? key.replaceAll(/(?:\\r)?\\n/g, "\n") : key;
}
