import { unwrapDrawing } from "../core/drawing.js";
import { isSubscriptionEvent } from "../core/subscription-events.js";
import { swapInTransition } from "../core/view-transition.js";
import type { Htmx, InternalApi, SwapContext, SwapTask } from "./htmx.js";
import { selector } from "./markup.js";
import { isDrawing, mergeTasks, withoutTemplates } from "./merge.js";
import { swapPlain } from "./plain-swap.js";
import { candidatesIn, contextOf, fireTriggers, receives } from "./receivers.js";

/** A message, with the time and the kind of its arrival. */
export interface Arrival {
  readonly message: MessageEvent<string>;
  /** The time of its arrival, on the clock of `performance.now()`. */
  readonly at: number;
  /** Whether the page has received it before. */
  readonly isRepeated: boolean;
}

/** The swaps of messages, whether the message is wrapped for the parser of drawings, and whether it is repeated. */
const swaps = new WeakMap<SwapContext, [isDrawing: boolean, isRepeated: boolean]>();

/**
 * Delivers a message with the events of the extension `hx-sse`. It swaps the message into the elements that receive its
 * type, dispatches it as a DOM event if it has a type, and fires triggers. A swap without a delay happens at once.
 */
export async function deliver(
  htmx: Htmx,
  api: InternalApi,
  element: Element,
  connection: unknown,
  arrival: Arrival,
): Promise<void> {
  const { type, data, lastEventId: id } = arrival.message;
  const pending: unknown[] = [];
  const message = { data, event: type === "message" ? "" : type, id };
  const detail = { connection, message, cancelled: false, waitUntil: (work: unknown) => void pending.push(work) };
  const isWanted = api.triggerHtmxEvent(element, "htmx:sse:before:message", detail);
  if (pending.length > 0) await Promise.all(pending);
  if (!isWanted || detail.cancelled) return;
  if (message.event !== "") htmx.trigger(element, type, message);
  const found = candidatesIn(element);
  for (const each of found) fireTriggers(htmx, api, each, type, message);
  const receivers = isSubscriptionEvent(message.data) ? [] : found.filter((each) => receives(each, element, type));
  await Promise.all(receivers.map((receiver) => swap(htmx, api, receiver, message.data, arrival)));
  api.triggerHtmxEvent(element, "htmx:sse:after:message", { connection, message });
}

/** Swaps a message into an element that receives it. Returns undefined when the message is in the page at once. */
function swap(
  htmx: Htmx,
  api: InternalApi,
  receiver: Element,
  data: string,
  { at, isRepeated }: Arrival,
): Promise<void> | undefined {
  const context = contextOf(api, receiver);
  const { target } = context;
  if (!target) return undefined;
  const html = withoutTemplates(data);
  const drawing = isDrawing(target, html);
  Object.assign(context, {
    text: drawing ? `<svg>${html}</svg>` : html,
    push: null,
    replace: null,
  } satisfies Partial<SwapContext>);
  swaps.set(context, [drawing, isRepeated]);
  const modifiers = api.HCON.parse(context.swap.replace(/^\S+(\s+|$)/, ""));
  const delay = at + (htmx.parseInterval(modifiers.swap) ?? 0) - performance.now();
  const hasTransition = (modifiers.transition ?? context.transition) && "startViewTransition" in document;
  context.transition = false;
  const run = () =>
    (swapPlain(api, context) ?? htmx.swap(context)).catch((error: unknown) => {
      api.triggerHtmxEvent(receiver, "htmx:sse:error", { error });
    });
  const begin = hasTransition
    ? () => new Promise<void>((resolve) => swapInTransition(() => resolve(run())))
    : () => run();
  if (delay > 0) {
    target.classList.add("htmx-swapping");
    return new Promise((resolve) => setTimeout(resolve, delay)).then(begin);
  }
  const work = begin();
  return hasTransition ? work : undefined;
}

/**
 * Changes the tasks of a swap. The swap can be one of a message, of an answer that can bring the same items as a
 * stream, or of the answer to a gap. The last one replaces a region without a request of the reader.
 */
export function prepareSwap(context: SwapContext, tasks: SwapTask[]): void {
  const message = swaps.get(context);
  if (!message) {
    if (context.sourceEvent?.type === "mercure:gap") mergeTasks(tasks, false, true);
    else if (context.target?.closest?.(selector)) mergeTasks(tasks);
    return;
  }
  const [drawing, isRepeated] = message;
  for (const { type, fragment, swapSpec } of tasks) {
    if (type !== "main") continue;
    if (drawing) unwrapDrawing(fragment);
    // The delay is over, and the transition runs.
    Object.assign(swapSpec, { swap: 0, transition: false });
  }
  mergeTasks(tasks, isRepeated);
  // htmx would mark the entry by the page's whole URL, which the browser refuses if the URL has credentials.
  if (!history.state?.htmx) history.replaceState({ ...history.state, htmx: true }, "");
}
