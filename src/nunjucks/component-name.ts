/**
 * Whether a tag, or a property of `components`, names a component: it begins with a capital letter of any script, or
 * with a letter of a script without capitals.
 */
export function isComponentName(name: string): boolean {
  return /^[\p{Lu}\p{Lt}\p{Lo}]/u.test(name.normalize("NFC"));
}

/** Whether templates can write a component's name: letters, digits and underscores. A hyphen would be a minus. */
export function isUsableComponentName(name: string): boolean {
  return /^[\p{Lu}\p{Lt}\p{Lo}][\p{L}\p{M}\p{N}_]*$/u.test(name.normalize("NFC"));
}

/** Returns the nearest usable name: the usable parts of a name, each with a capital first letter. */
export function usableNameFor(name: string): string {
  const parts = name.normalize("NFC").split(/[^\p{L}\p{M}\p{N}_]+/u);
  return parts.map((part) => part.charAt(0).toUpperCase() + part.slice(1)).join("");
}
