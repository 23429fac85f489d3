import { type Markup, stateAttribute } from "../core/markup.js";
import { parseAddress, withCursor } from "../core/stream-address.js";
import type { Htmx } from "./htmx.js";

const connectAttribute = "hx-sse:connect";
/** htmx accepts this prefix for each of its attributes. */
const prefixed = `data-${connectAttribute}`;
/**
 * The attribute with the position of the content. htmx sets an element up again when morphing changes one of its
 * attributes that begin with `hx-`.
 */
const positionAttribute = "data-mercure-position";

export const selector = "[hx-sse\\:connect], [data-hx-sse\\:connect]";

/** Returns the markup of streams in htmx 4. */
export function markupOf(htmx: Htmx, positionOf: NonNullable<Markup["positionOf"]>): Markup {
  const nameOf = (element: Element) => (element.hasAttribute(prefixed) ? prefixed : connectAttribute);
  return {
    selector,
    positionOf,
    read(element) {
      const url = element.getAttribute(nameOf(element)) ?? "";
      const cursor = element.getAttribute(positionAttribute);
      return cursor === null ? url : withCursor(url, cursor);
    },
    write(element, url) {
      element.setAttribute(nameOf(element), withCursor(url, ""));
      element.setAttribute(positionAttribute, parseAddress(url, location.href).cursor ?? "");
    },
    writeState: (element, state) => element.setAttribute(stateAttribute, state),
    replace(element, fresh) {
      const text = fresh.firstElementChild?.outerHTML ?? "";
      void htmx.swap({ sourceElement: element, target: element, swap: "outerHTML settle:0", text });
    },
  };
}
