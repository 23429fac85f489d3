import type { StreamState } from "../index.js";
import type { WatchElements } from "./watch-elements.js";

/** The min duration of an interruption that is shown, in milliseconds. */
const noticeDelay = 2_000;
/** The time that the end of an interruption is shown, in milliseconds. */
const restoredDuration = 4_000;

const selector = ".mercure-status";

/** The attributes that hold the texts. The client writes the name of the text that it shows into `data-status`. */
type Text = "reconnecting" | "restored" | "ended";

let shown: Text | undefined;
let next: Text | undefined;
let timer: ReturnType<typeof setTimeout> | undefined;

/**
 * Shows in each element with the class `mercure-status` that the page is cut off, that it is up to date again, or that
 * a stream has ended for good. The last text comes with a button that reloads the page.
 */
export function installStatus(watchElements: WatchElements, onPageState: (receive: typeof follow) => void): void {
  watchElements(selector, {
    added: (element) => write(element as HTMLElement),
    removed: () => {},
  });
  onPageState(follow);
}

function follow(state: StreamState | undefined): void {
  // A first connection or a planned change of connection neither begins nor ends an interruption.
  if (state === "paused" || (state === "connecting" && next !== "ended")) return;
  if (state === "offline") plan("reconnecting", noticeDelay);
  else if (state === "denied" || state === "ended" || state === "stale") plan("ended", noticeDelay);
  else plan(shown === undefined || state === undefined ? undefined : "restored", 0);
}

function plan(text: Text | undefined, delay: number): void {
  if (text === next) return;
  clearTimeout(timer);
  next = text;
  if (text === shown && text !== "restored") return;
  timer = setTimeout(() => show(text), delay);
}

function show(text: Text | undefined): void {
  shown = next = text;
  for (const element of document.querySelectorAll<HTMLElement>(selector)) write(element);
  if (text === "restored") timer = setTimeout(() => show(undefined), restoredDuration);
}

function write(element: HTMLElement): void {
  element.textContent = (shown && element.dataset[shown]) ?? "";
  if (shown === undefined) delete element.dataset.status;
  else element.dataset.status = shown;
  if (shown !== "ended") return;
  const button = document.createElement("button");
  button.type = "button";
  button.textContent = element.dataset.reload ?? "";
  button.addEventListener("click", () => location.reload());
  element.append(" ", button);
}
