import type { Markup } from "../core/markup.js";
import type { HtmxInternalApi } from "./htmx.js";
import { writeState } from "./state-attribute.js";

/** The two names of the attribute. htmx accepts both for each of its attributes. */
const connectAttributes = ["sse-connect", "data-sse-connect"];

/** Returns the markup of streams in htmx 2. The extension's attribute holds the whole URL. */
export function markupOf(api: HtmxInternalApi, positionOf: NonNullable<Markup["positionOf"]>): Markup {
  const read = (element: Element) => element.getAttribute(attributeOf(element)) ?? "";
  return {
    selector: connectAttributes.map((name) => `[${name}]`).join(),
    read,
    write: (element, url) => element.setAttribute(attributeOf(element), url),
    positionOf,
    writeState: (element, state) => writeState(api, element, state),
    replace(element, fresh) {
      api.swap(element, fresh, { swapStyle: "outerHTML", swapDelay: 0, settleDelay: 0 }, { contextElement: element });
    },
  };
}

function attributeOf(element: Element): string {
  return connectAttributes.find((name) => element.hasAttribute(name)) ?? "sse-connect";
}
