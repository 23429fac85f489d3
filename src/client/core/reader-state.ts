import { idOf, sameIdIn } from "./element-id.js";

/** Finds the counterpart of an element in another rendering of the element around it. */
type Place = (root: ParentNode) => Element | undefined;

/** Elements that only a script or the reader can show. */
const modal = "dialog:modal";
const shown = `${modal}, :popover-open`;
const fields = "input, select, textarea";

/** The elements that the reader has scrolled, opened, closed or changed. */
const touched = new Set<Element>();
/** The functions that finish a replacement when its content is in the page. */
let pending: ((isFocusLost: boolean) => void)[] = [];

/**
 * Begins to record the reader's changes to the elements of the page.
 *
 * @param earlier - The events that came before this script.
 */
export function watchReader(earlier: readonly (Event | undefined)[]): void {
  const note = ({ type, target }: Event) => {
    // A focus alone does not count.
    if (type === "focusin") return;
    // The parser dispatches this event too, for an element that is open from the start.
    if (type !== "toggle" || navigator.userActivation?.isActive) touch(target);
  };
  for (const event of earlier) if (event) note(event);
  for (const name of ["input", "scroll", "toggle"]) addEventListener(name, note, true);
  // A submitted text is no longer the reader's draft.
  for (const name of ["submit", "reset"]) {
    addEventListener(name, ({ target }) => {
      for (const field of (target as HTMLFormElement).elements) touched.delete(field);
    });
  }
}

/**
 * Gives arriving content the reader's changes to the present one: open `details`, dialogs and popovers, unsent text,
 * scroll positions and the focus.
 *
 * @param arriving - The element that replaces the present one, or a fragment that replaces its content.
 */
export function carryReaderState(present: Element, arriving: ParentNode): void {
  settle();
  const { parentElement } = present;
  const index = idOf(present) === "" && parentElement ? [...parentElement.children].indexOf(present) : -1;
  const root = () => {
    if (present.isConnected) return present;
    return index < 0 ? sameIdIn(document, present) : parentElement?.children[index];
  };
  const above = [...(present.matches(shown) ? [present] : []), ...present.querySelectorAll(shown)];
  // A dialog must be open again before an element in it gets the focus.
  for (const element of new Set([...above, ...touched, document.activeElement!])) {
    if (!present.contains(element)) continue;
    const place = placeIn(present, element);
    const restore = stateOf(element);
    const restoreIn = (other: ParentNode | null | undefined, isFocusLost = false) => {
      const to = other && place(other);
      return to?.localName === element.localName && restore(to, isFocusLost);
    };
    if (restoreIn(arriving) === false) continue;
    pending.push((isFocusLost) => {
      if (element.isConnected) restore(element, isFocusLost);
      else restoreIn(root(), isFocusLost);
    });
  }
  if (pending.length > 0) requestAnimationFrame(settle);
}

/**
 * Finishes the replacements whose elements have come into the page. Only there can they scroll and be shown. htmx 2
 * inserts copies, which lack the choice of a `select`.
 */
function settle(): void {
  const due = pending;
  pending = [];
  // The browser drops the focus with its element.
  const isFocusLost = document.activeElement === document.body;
  for (const finish of due) finish(isFocusLost);
}

function touch(target: EventTarget | null): void {
  for (const element of touched) if (!element.isConnected) touched.delete(element);
  if (target instanceof Element) touched.add(target);
}

/**
 * Returns the place of an element: its id, or else its number among those of its kind in the nearest element with an
 * id.
 */
function placeIn(root: Element, element: Element): Place {
  if (element === root) return (other) => (other instanceof Element ? other : element);
  if (idOf(element) !== "") return (other) => sameIdIn(other, element) ?? undefined;
  const nearest = element.parentElement!.closest("[id]");
  const anchor = nearest && nearest !== root && root.contains(nearest) ? nearest : undefined;
  const name = element.getAttribute("name");
  const kind = element.localName + (name === null ? "" : `[name="${CSS.escape(name)}"]`);
  const all = [...(anchor ?? root).querySelectorAll(kind)];
  return (other) => {
    const others = (anchor ? sameIdIn(other, anchor) : other)?.querySelectorAll(kind) ?? [];
    // A text must not reach a field of another item.
    if (element.matches(fields) && others.length !== all.length) return undefined;
    return others[all.indexOf(element)];
  };
}

/**
 * Returns a function that gives another element the reader's changes to this one. Before that element is in the page,
 * the function sets only the properties that markup can set.
 */
function stateOf(element: Element): (to: Element, isFocusLost: boolean) => void {
  const isTouched = touched.has(element);
  const isModal = element.matches(modal);
  const isShown = element.matches(shown);
  const isFocused = element === document.activeElement;
  const { scrollTop: top, scrollLeft: left } = element;
  const restoreCaret = isFocused && (element as HTMLElement).isContentEditable && caret();
  const values = valuesOf(element, isTouched, isModal);
  const chosen =
    isTouched &&
    element instanceof HTMLSelectElement &&
    new Set([...element.selectedOptions].map(({ value }) => value));
  const draft = isTouched && (element as HTMLElement).isContentEditable && (element.cloneNode(true) as Element);
  return (to, isFocusLost) => {
    Object.assign(to, values);
    if (chosen) for (const option of (to as HTMLSelectElement).options) option.selected = chosen.has(option.value);
    if (draft && to.innerHTML !== draft.innerHTML) to.replaceChildren(...draft.cloneNode(true).childNodes);
    if (!to.isConnected) return;
    if (isTouched) touch(to);
    const own = to as HTMLDialogElement;
    if (isShown && !to.matches(shown)) {
      if (isModal) {
        own.open = false;
        own.showModal();
      } else if (own.popover) own.showPopover();
    }
    if (top || left) to.scrollTo({ top, left, behavior: "instant" });
    if (isFocused && isFocusLost) own.focus({ preventScroll: true });
    if (restoreCaret && to === element) restoreCaret();
  };
}

/** Returns a function that restores the selection. The browser loses it when htmx moves an editable element. */
function caret(): () => void {
  const selection = getSelection()!;
  const { anchorNode, anchorOffset, focusNode, focusOffset } = selection;
  return () => {
    if (anchorNode?.isConnected) selection.setBaseAndExtent(anchorNode, anchorOffset, focusNode!, focusOffset);
  };
}

/** Returns the properties of an element that hold the reader's changes. */
function valuesOf(element: Element, isTouched: boolean, isModal: boolean): object {
  if (isTouched && element instanceof HTMLTextAreaElement) return { value: element.value };
  if (isTouched && element instanceof HTMLInputElement) {
    const { checked, files, value } = element;
    return { checked, ...(files ? { files } : { value }) };
  }
  return isModal || (isTouched && element.matches("details, dialog"))
    ? { open: (element as HTMLDialogElement).open }
    : {};
}
