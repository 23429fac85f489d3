/** Whether a tag, or a property of `components`, names a component: it begins with a capital letter of any script. */
export function isComponentName(name: string): boolean {
  return /^\p{Lu}/u.test(name.normalize("NFC"));
}

/** Whether templates can write a component's name: letters, digits and underscores. A hyphen would be a minus. */
export function isUsableComponentName(name: string): boolean {
  return /^\p{Lu}[\p{L}\p{M}\p{N}_]*$/u.test(name.normalize("NFC"));
}
