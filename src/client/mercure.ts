import { installAutoScroll } from "./auto-scroll.js";
import { configure } from "./config.js";
import { installHistory } from "./history.js";
import { internalApiOf } from "./htmx.js";
import { installLifecycle } from "./lifecycle.js";
import { installMerge } from "./merge.js";
import { installStreams } from "./stream-elements.js";
import { installSubscriptionEvents } from "./subscription-events.js";

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
} else {
  console.error("mercure.js comes after htmx and its sse extension: nothing on this page is live.");
}
