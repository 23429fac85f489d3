import { idOf, keptPrefix, sameIdIn } from "./element-id.js";

/** The number of fields that have got an id. */
let kept = 0;

/** Returns the field of an element that has the focus and an unsent change. */
export function editedField(root: Element): HTMLElement | undefined {
  const field = document.activeElement as HTMLElement | null;
  return field && root.contains(field) && isEdited(field) ? field : undefined;
}

/**
 * Returns whether the value of a field differs from the one after a reset. Attributes cannot tell that: a range or a
 * checkbox without the attribute has a value too.
 */
function isEdited(field: HTMLElement): boolean {
  if (!("form" in field)) return field.isContentEditable;
  const form = document.createElement("form");
  form.append(field.cloneNode(true));
  form.reset();
  return choiceOf(form.firstElementChild!) !== choiceOf(field);
}

function choiceOf(field: Element): string {
  const parts = [...((field as HTMLSelectElement).options ?? [field])] as (HTMLInputElement & HTMLOptionElement)[];
  return parts.map((each) => [each.value, each.checked, each.selected]).join();
}

/**
 * Keeps a field that the visitor is changing when content arrives in its place: htmx keeps the present field with its
 * value, selection and composition. Returns false when the arriving content has no such field, so that the present
 * content must stay. Reports each kept field by the event `mercure:kept`.
 */
export function keepEdited(present: Element, arriving: ParentNode): boolean {
  const field = editedField(present);
  if (!field) return true;
  field.dispatchEvent(new CustomEvent("mercure:kept", { bubbles: true }));
  const counterpart = counterpartOf(field, present, arriving);
  // htmx finds the present element by its id.
  if (counterpart) field.id = counterpart.id ||= keptPrefix + ++kept;
  counterpart?.setAttribute("hx-preserve", "");
  return counterpart !== null;
}

/**
 * Keeps the focus in the field that the visitor is changing: htmx would move it to arriving elements with `autofocus`.
 *
 * @param always - Keeps the focus anywhere, as after a refetch that the reader did not request.
 */
export function keepFocus(arriving: ParentNode, always = false): void {
  if (!always && !editedField(document.documentElement)) return;
  for (const element of arriving.querySelectorAll("[autofocus]")) element.removeAttribute("autofocus");
  for (const { content } of arriving.querySelectorAll("template")) keepFocus(content, true);
}

/**
 * A field is found by its id, or else by its number among those of its name in the nearest element with an id: a group has
 * one name, and so do the fields of similar items.
 */
function counterpartOf(field: HTMLElement, present: Element, arriving: ParentNode): Element | null {
  const name = field.getAttribute("name");
  if (idOf(field) || !name) return sameIdIn(arriving, field);
  const item = field.parentElement!.closest("[id]");
  const inner = item !== present && present.contains(item) && item;
  const selector = `${field.localName}[name="${CSS.escape(name)}"]`;
  const own = [...(inner || present).querySelectorAll(selector)];
  const others = (inner ? sameIdIn(arriving, inner) : arriving)?.querySelectorAll(selector);
  return others?.length === own.length ? (others[own.indexOf(field)] ?? null) : null;
}
