/**
 * Matches the characters that topics, ids and types must not contain: control characters (C0, DEL, C1), Unicode format
 * characters and lone surrogates. Line breaks would inject fields into the event stream. Format characters make two
 * different topics look the same. Lone surrogates do not survive UTF-8. Mercure 1.0 "Terminology" and "Publication".
 */
const forbidden = /[\p{Cc}\p{Cf}\p{Cs}]/u;

/** Returns the first forbidden character as `U+000A`; undefined for a text without one. */
export function forbiddenCharacter(text: string): string | undefined {
  const found = forbidden.exec(text)?.[0];
  return found && `U+${found.codePointAt(0)!.toString(16).toUpperCase().padStart(4, "0")}`;
}
