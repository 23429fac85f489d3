import { stateAttribute } from "../core/markup.js";
import type { StreamState } from "../index.js";
import type { HtmxInternalApi } from "./htmx.js";

/**
 * Writes a stream's state into its element. htmx sets an element up again when a hash of its attributes has changed,
 * and would restart the timers of its triggers. This function therefore updates the hash that htmx has stored.
 */
export function writeState(api: HtmxInternalApi, element: Element, state: StreamState): void {
  const data = api.getInternalData(element);
  const wasCurrent = data.initHash === hashOf(element);
  element.setAttribute(stateAttribute, state);
  // Another version of htmx can hash in another way. Its hash stays, and htmx sets the element up again.
  if (wasCurrent) data.initHash = hashOf(element);
}

/** Computes the same hash of an element's attributes as htmx 2. */
function hashOf(element: Element): number {
  let hash = 0;
  for (const { name, value } of element.attributes) {
    if (value === "") continue;
    for (const text of [name, value]) {
      for (let at = 0; at < text.length; at += 1) hash = ((hash << 5) - hash + text.charCodeAt(at)) | 0;
    }
  }
  return hash;
}
