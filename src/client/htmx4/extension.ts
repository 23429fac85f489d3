import { stateAttribute } from "../core/markup.js";
import { prepareSwap } from "./delivery.js";
import type { Htmx, InternalApi } from "./htmx.js";
import { InboxSource } from "./inbox-source.js";
import { selector } from "./markup.js";
import { StreamElements } from "./stream-elements.js";

/**
 * Registers the client with htmx, and connects the streams that htmx has already processed. Returns undefined when the
 * page's list of extensions lacks `mercure`.
 */
export function register(htmx: Htmx): { api: InternalApi; streams: StreamElements } | undefined {
  let registered: { api: InternalApi; streams: StreamElements } | undefined;
  htmx.registerExtension("mercure", {
    init(api) {
      registered = { api, streams: new StreamElements(htmx, api) };
    },
    htmx_before_process: (root) => registered?.streams.process(root),
    htmx_before_swap: (_element, { ctx, tasks }) => prepareSwap(ctx, tasks),
    htmx_sse_before_connection: (element, { connection }) =>
      !element.matches(selector) || connection instanceof InboxSource,
  });
  // No rendering has the attribute, so morphing would remove it.
  htmx.config.morphIgnore = [...(htmx.config.morphIgnore ?? []), stateAttribute];
  registered?.streams.process(document);
  return registered;
}
