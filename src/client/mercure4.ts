import { installLifecycle } from "./core/lifecycle.js";
import { pageApiOf } from "./core/page-api.js";
import { onPageState } from "./core/page-state.js";
import { replacement } from "./core/replacement.js";
import { register } from "./htmx4/extension.js";
import { installHistory, snapshotEvent } from "./htmx4/history.js";
import type { Htmx } from "./htmx4/htmx.js";
import { loadUi } from "./load-ui.js";

const { htmx } = window as unknown as { htmx?: Htmx };
const registered = htmx && "registerExtension" in htmx ? register(htmx) : undefined;

if (registered) {
  const { api, streams } = registered;
  installHistory(streams);
  const pause = installLifecycle(streams);
  loadUi({
    growsAtStart: (element) => /^(afterb|pre)/.test(api.attributeValue(element, "hx-swap") ?? ""),
    snapshotEvent,
    replacement,
    onState: onPageState,
  });
  window.mercure = pageApiOf(streams, pause);
} else {
  console.error('mercure4.js needs htmx 4 and its extension "mercure".');
}
