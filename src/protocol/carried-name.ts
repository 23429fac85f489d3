/**
 * Matches the characters that a topic must carry escaped. These are format characters, such as the joiners inside emoji
 * and Persian words, which Mercure 1.0 forbids in topics. Text that already looks escaped is escaped again, so that two
 * names never become the same topic.
 */
const escapable = /\p{Cf}|~u+[0-9A-F]{4,5}\./gu;

const escaped = /~u(u*)([0-9A-F]{4,5})\./g;

/**
 * Returns the topic that carries a name: the name itself, with each format character as `~u200D.`. The characters of
 * the escape are unreserved in URLs, so patterns match a carried name like any other name.
 */
export function carriedName(name: string): string {
  return name.replace(escapable, (found) => {
    if (found.startsWith("~")) return `~u${found.slice(1)}`;
    return `~u${found.codePointAt(0)!.toString(16).toUpperCase().padStart(4, "0")}.`;
  });
}

/** Returns the name that a topic carries, as its author wrote it. */
export function nameOf(topic: string): string {
  return topic.replace(escaped, (found, more: string, code: string) => {
    if (more !== "") return `~${found.slice(2)}`;
    const character = String.fromCodePoint(Number.parseInt(code, 16));
    return /\p{Cf}/u.test(character) ? character : found;
  });
}
