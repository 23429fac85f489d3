/** Returns the field of an element that has the focus and an unsent change. */
export function editedField(root: Element): HTMLElement | undefined {
  const field = document.activeElement;
  return field instanceof HTMLElement && root.contains(field) && isEdited(field) ? field : undefined;
}

function isEdited(field: HTMLElement): boolean {
  if (field instanceof HTMLTextAreaElement) return field.value !== field.defaultValue;
  if (field instanceof HTMLSelectElement) {
    return [...field.options].some(({ selected, defaultSelected }) => selected !== defaultSelected);
  }
  if (!(field instanceof HTMLInputElement)) return field.isContentEditable;
  return field.value !== field.defaultValue || field.checked !== field.defaultChecked;
}

/**
 * Keeps a field that the visitor is changing when content arrives in its place: htmx keeps the present field with its
 * value, selection and composition. Returns false when the arriving content has no such field, so that the present
 * content must stay. Reports each kept field by the event `mercure:kept`.
 */
export function keepEdited(present: Element, arriving: ParentNode): boolean {
  const field = editedField(present);
  if (field === undefined) return true;
  field.dispatchEvent(new CustomEvent("mercure:kept", { bubbles: true }));
  const counterpart = counterpartOf(field, arriving);
  // htmx finds the present element by its id.
  if (counterpart && field.id === "") field.id = counterpart.id = `mercure-kept-${nameOf(field)}`;
  counterpart?.setAttribute("hx-preserve", "");
  return counterpart !== null;
}

/**
 * Keeps the focus in the field that the visitor is changing: htmx would move it to arriving elements with `autofocus`.
 *
 * @param always - Keeps the focus anywhere, as after a refetch that the reader did not request.
 */
export function keepFocus(arriving: ParentNode, always = false): void {
  if (!always && editedField(document.documentElement) === undefined) return;
  for (const element of arriving.querySelectorAll("[autofocus]")) element.removeAttribute("autofocus");
  for (const { content } of arriving.querySelectorAll("template")) keepFocus(content, true);
}

function counterpartOf(field: HTMLElement, arriving: ParentNode): Element | null {
  if (field.id !== "") return arriving.querySelector(`#${CSS.escape(field.id)}`);
  if (nameOf(field) === "") return null;
  return arriving.querySelector(`${field.localName}[name="${CSS.escape(nameOf(field))}"]`);
}

function nameOf(field: HTMLElement): string {
  return field.getAttribute("name") ?? "";
}
