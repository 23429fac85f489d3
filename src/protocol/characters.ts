/**
 * Control characters (C0, DEL, C1), Unicode format characters and lone surrogates: what topics, ids and types must not
 * hold. Line breaks would inject fields into the event stream, format characters make two different topics look the
 * same, and lone surrogates do not survive UTF-8. Mercure 1.0 "Terminology" and "Publication".
 */
const forbidden = /[\p{Cc}\p{Cf}\p{Cs}]/u;

/** The first forbidden character as `U+000A`; undefined when the text holds none. */
export function forbiddenCharacter(text: string): string | undefined {
  const found = forbidden.exec(text)?.[0];
  return found && `U+${found.codePointAt(0)!.toString(16).toUpperCase().padStart(4, "0")}`;
}
