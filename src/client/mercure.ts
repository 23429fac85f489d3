import { installLifecycle } from "./core/lifecycle.js";
import { pageApiOf } from "./core/page-api.js";
import { onPageState } from "./core/page-state.js";
import { replacement } from "./core/replacement.js";
import { configure } from "./htmx2/config.js";
import { installHistory } from "./htmx2/history.js";
import { internalApiOf } from "./htmx2/htmx.js";
import { positionInPage } from "./htmx2/late-swaps.js";
import { markupOf } from "./htmx2/markup.js";
import { installMerge } from "./htmx2/merge.js";
import { StreamElements } from "./htmx2/stream-elements.js";
import { installSubscriptionEvents } from "./htmx2/subscription-events.js";
import { loadUi } from "./load-ui.js";

const { htmx } = window;

if (htmx) {
  const api = internalApiOf(htmx);
  configure(htmx);
  const streams: StreamElements = new StreamElements(
    api,
    markupOf(api, (element) => positionInPage(streams.sourceOf(element))),
  );
  htmx.createEventSource = streams.createEventSource;
  installSubscriptionEvents();
  installMerge(htmx, api);
  installHistory(streams);
  const pause = installLifecycle(streams);
  loadUi({
    growsAtStart: (element) => api.getSwapSpecification(element).swapStyle === "afterbegin",
    snapshotEvent: "htmx:beforeHistorySave",
    replacement,
    onState: onPageState,
  });
  window.mercure = pageApiOf(streams, pause);
} else {
  console.error("mercure.js needs htmx and its sse extension before it: nothing on this page is live.");
}
