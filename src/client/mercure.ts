import { installSubscriptionEvents } from "./core/subscription-events.js";
import { installAutoScroll } from "./htmx2/auto-scroll.js";
import { configure } from "./htmx2/config.js";
import { installHistory } from "./htmx2/history.js";
import { internalApiOf } from "./htmx2/htmx.js";
import { installLifecycle } from "./htmx2/lifecycle.js";
import { installMerge } from "./htmx2/merge.js";
import { pageApi } from "./htmx2/page-api.js";
import { installStreams } from "./htmx2/stream-elements.js";

const { htmx } = window;

if (htmx) {
  const api = internalApiOf(htmx);
  configure(htmx);
  htmx.createEventSource = installStreams(api);
  installSubscriptionEvents();
  installMerge(api);
  installHistory();
  installLifecycle();
  installAutoScroll(api);
  window.mercure = pageApi;
} else {
  console.error("mercure.js needs htmx and its sse extension before it: nothing on this page is live.");
}
