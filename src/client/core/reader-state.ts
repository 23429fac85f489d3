/** Finds the counterpart of an element in another rendering of the element around it. */
type Place = (root: Element) => Element | undefined;

/** The state of a replaced element, for its successor. */
interface Pending {
  /** The id of the element around it. */
  readonly id: string;
  readonly place: Place;
  /** The element that was replaced. */
  readonly from: Element;
  readonly scroll: ScrollToOptions;
}

/** The elements that the reader has scrolled, opened, closed or changed. */
const touched = new Set<Element>();
let pending: Pending[] = [];

/**
 * Begins to remember what the reader does with the elements of the page.
 *
 * @param first - An element that the reader has touched before this script came.
 */
export function watchReader(first: EventTarget | null | undefined): void {
  touch(first);
  for (const name of ["input", "scroll"]) addEventListener(name, ({ target }) => touch(target), true);
  // The parser dispatches this event too, for an element that is open from the start.
  addEventListener("toggle", ({ target }) => navigator.userActivation?.isActive && touch(target), true);
  // A sent text is no longer the reader's draft.
  addEventListener("submit", ({ target }) => {
    for (const field of (target as HTMLFormElement).elements) touched.delete(field);
  });
}

/**
 * Gives an element that is about to replace another one what the reader has done with the present one: `details` that are
 * open, text that has not been sent, and scroll positions.
 */
export function carryReaderState(present: Element, arriving: Element): void {
  settle();
  for (const element of touched) {
    if (!present.contains(element)) continue;
    const place = placeIn(present, element);
    const counterpart = place(arriving);
    if (counterpart === undefined) continue;
    copyState(element, counterpart);
    const { scrollTop: top, scrollLeft: left } = element;
    pending.push({ id: present.id, place, from: element, scroll: { top, left, behavior: "instant" } });
  }
  if (pending.length > 0) requestAnimationFrame(settle);
}

/**
 * Finds the elements that have come into the page. Only there can they scroll, and htmx 2 inserts copies, which lack the
 * choice of a `select`.
 */
function settle(): void {
  const due = pending;
  pending = [];
  for (const { id, place, from, scroll } of due) {
    const root = id === "" ? null : document.getElementById(id);
    const element = root ? place(root) : undefined;
    if (element === undefined) continue;
    touch(element);
    copyState(from, element);
    if (scroll.top || scroll.left) element.scrollTo(scroll);
  }
}

function touch(target: EventTarget | null | undefined): void {
  for (const element of touched) if (!element.isConnected) touched.delete(element);
  if (target instanceof Element) touched.add(target);
}

/** An element is found by its id, or else by its number among the elements of its name. */
function placeIn(root: Element, element: Element): Place {
  if (element === root) return (other) => other;
  if (element.id !== "") return (other) => other.querySelector(`#${CSS.escape(element.id)}`) ?? undefined;
  const index = [...root.querySelectorAll(element.localName)].indexOf(element);
  return (other) => other.querySelectorAll(element.localName)[index];
}

function copyState(from: Element, to: Element): void {
  if (!from.matches("details, input, select, textarea") || from.localName !== to.localName) return;
  for (const name of ["open", "checked", (from as HTMLInputElement).type === "file" ? "files" : "value"]) {
    if (name in from) Object.assign(to, { [name]: from[name as keyof Element] });
  }
}
