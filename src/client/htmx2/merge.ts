import { isInSvg, unwrapDrawing } from "../core/drawing.js";
import { keepFocus } from "../core/edited-field.js";
import { sameIdIn } from "../core/element-id.js";
import type { ElementSource } from "../core/element-source.js";
import { listOf } from "../core/live-list.js";
import { outOfBand } from "../core/out-of-band.js";
import { parsePlain } from "../core/plain-content.js";
import { isRendered } from "../core/rendered-items.js";
import { prepareContent, prepareReplacement } from "../core/replacement.js";
import { swapInTransition } from "../core/view-transition.js";
import type { Htmx, HtmxInternalApi } from "./htmx.js";
import { holdPosition } from "./late-swaps.js";

/** Matches elements that receive messages. */
const receiver = '[sse-swap], [data-sse-swap], [hx-trigger*="sse:"], [data-hx-trigger*="sse:"]';
/** The attribute that marks an element for replacement until htmx finds it. */
const replacedMark = "data-mercure-replaced";
let marks = 0;

/** The detail of `htmx:beforeSwap`, whose response may be changed. */
interface AnswerDetail {
  readonly target: Element;
  readonly requestConfig: { readonly elt: Element; readonly triggeringEvent?: Event };
  readonly swapOverride?: string | null;
  serverResponse: string;
  shouldSwap: boolean;
}

/**
 * Swaps messages instead of the extension. An arriving element replaces the element of a live list with the same id. A
 * message with only out-of-band elements leaves the target unchanged. A field that the visitor is changing stays, and
 * keeps the focus. A swap with a delay or a view transition keeps the stream's position. Elements that receive messages
 * are ready for the next one. The extension swaps messages that are not parsed.
 */
export function installMerge(htmx: Htmx, api: HtmxInternalApi): void {
  // The window and the second of the event's two names come last, after all listeners that can cancel the message.
  addEventListener("htmx:sse-before-message", (event) => {
    if (!event.defaultPrevented) swapMessage(htmx, api, event as CustomEvent<MessageEvent<string>>);
  });
  addEventListener("htmx:beforeSwap", (event) => mergeAnswer(api, (event as CustomEvent<AnswerDetail>).detail));
}

/** Processes a message like the extension, with a check of the fragment between parsing and swapping. */
function swapMessage(htmx: Htmx, api: HtmxInternalApi, event: CustomEvent<MessageEvent<string>>): void {
  const element = event.composedPath()[0] as Element;
  const specification = api.getSwapSpecification(element);
  const target = api.getTarget(element);
  if (!target) return;
  const hasTransition =
    (specification.transition ?? htmx.config.globalViewTransitions) && "startViewTransition" in document;
  const isLate = hasTransition || (specification.swapDelay ?? 0) > 0;
  const isParsed = !["delete", "textContent"].includes(specification.swapStyle);
  if (!isParsed && !isLate) return;

  let html = event.detail.data;
  let isWanted = true;
  api.withExtensions(element, (extension) => {
    // htmx asks extensions about an event that no listener has cancelled.
    isWanted &&= extension.onEvent("htmx:sseBeforeMessage", event) !== false && !event.defaultPrevented;
    if (isWanted) html = extension.transformResponse(html, null, element);
  });
  event.preventDefault();
  if (!isWanted) return;
  const list = listOf(target, specification.swapStyle);
  const drawn = isInSvg(list ?? target) && !/^\s*<(svg|template)\b/i.test(html);
  const fragment = drawn ? drawingOf(api, html) : (parsePlain(html) ?? api.makeFragment(html));
  const source = event.detail.target as ElementSource;
  if (list && source.isRepeated && isRendered(fragment, list)) return;
  const merges = list !== null && itemsOf(fragment).length > 0;
  // htmx processes new elements when they settle. A message before that would not reach them.
  if (fragment.querySelector(receiver)) specification.settleDelay = 0;

  // Only a message without out-of-band elements empties the target.
  const mayBeEmpty = merges || drawn || (isParsed && bringsOutOfBand(fragment));
  const release = isLate ? holdPosition(source) : undefined;
  const swap = () => {
    api.swap(target, isParsed ? fragment : html, specification, {
      contextElement: element,
      // A swap can be delayed, so the target's content is known only when the swap begins.
      beforeSwapCallback() {
        keepFocus(fragment);
        if (merges) replaceInPlace(fragment, list);
        if (!prepareContent(target, fragment, specification.swapStyle)) specification.swapStyle = "none";
        prepareOutOfBand(fragment, target);
        if (mayBeEmpty && !hasContent(fragment)) specification.swapStyle = "none";
      },
      ...(release && { afterSwapCallback: release }),
    });
    api.triggerEvent(element, "htmx:sseMessage", event.detail);
  };
  specification.transition = false;
  if (hasTransition && api.triggerEvent(element, "htmx:beforeTransition", {})) swapInTransition(swap);
  else swap();
}

/**
 * Replaces the items of a live list by an answer's items with the same ids, as for the items of messages. The answer to
 * a gap leaves the focus and the field that the visitor is changing. It leaves the region too when the answer lacks it,
 * as after a redirect to a sign-in page.
 */
function mergeAnswer(api: HtmxInternalApi, detail: AnswerDetail): void {
  const { target, requestConfig, swapOverride, serverResponse } = detail;
  const style = api.getSwapSpecification(requestConfig.elt, swapOverride).swapStyle;
  const list = listOf(target, style);
  const isLive = list?.closest("[sse-connect], [data-sse-connect]");
  const isRefetch = requestConfig.triggeringEvent?.type === "mercure:gap";
  if (!isLive && !isRefetch) return;
  const fragment = api.makeFragment(serverResponse);
  if (isRefetch) {
    keepFocus(fragment, true);
    const part = requestConfig.elt.getAttribute("hx-select");
    const isWhole = part === null || fragment.querySelector(part) !== null;
    detail.shouldSwap &&= isWhole && prepareContent(target, fragment, style);
  } else if (!itemsOf(fragment).some((item) => sameIdIn(list!, item))) return;
  if (isLive) replaceInPlace(fragment, list!);
  const holder = document.createElement("div");
  holder.append(fragment);
  detail.serverResponse = holder.innerHTML;
}

/** Parses a message for a drawing. Outside `svg` the parser would make unknown HTML elements of its shapes. */
function drawingOf(api: HtmxInternalApi, html: string): DocumentFragment {
  const fragment = api.makeFragment(`<svg>${html}</svg>`);
  unwrapDrawing(fragment);
  return fragment;
}

/** Returns the elements for the target that have an id. */
function itemsOf(fragment: DocumentFragment): Element[] {
  return [...fragment.children].filter((child) => child.hasAttribute("id") && !child.matches(outOfBand));
}

/**
 * Replaces items by an out-of-band swap, so that htmx itself handles focus, preserved elements, settling and events.
 */
function replaceInPlace(fragment: DocumentFragment, list: Element): void {
  const elsewhere = new Set([...fragment.querySelectorAll(outOfBand)].map((child) => child.getAttribute("id")));
  for (const item of itemsOf(fragment)) {
    const present = sameIdIn(list, item);
    // A message that deletes an item and adds it again moves it to the place of new items.
    if (!present || elsewhere.has(item.getAttribute("id")) || present.hasAttribute(replacedMark)) continue;
    if (!prepareReplacement(present, item)) {
      item.remove();
      continue;
    }
    marks += 1;
    present.setAttribute(replacedMark, `${marks}`);
    item.setAttribute("hx-swap-oob", `outerHTML:[${replacedMark}="${marks}"]`);
  }
}

/**
 * Prepares out-of-band elements for the elements that they replace. Drops deletions of missing elements: a replayed
 * deletion has no target when the page was rendered after it.
 */
function prepareOutOfBand(fragment: ParentNode, target: Element): void {
  const root = target.getRootNode() as Document | ShadowRoot;
  for (const element of fragment.querySelectorAll(`${outOfBand}, template`)) {
    if (element instanceof HTMLTemplateElement) prepareOutOfBand(element.content, target);
    const value = element.getAttribute("hx-swap-oob") ?? element.getAttribute("data-hx-swap-oob") ?? "";
    const [, style = "", selector = ""] = /^(\w+):?([\w#.-]*)$/.exec(value) ?? [];
    if (style === "" || !(selector || element.hasAttribute("id"))) continue;
    const present = selector ? root.querySelector(selector) : sameIdIn(root, element);
    const mustStay = present && /^(true|inner|outer|morph)/.test(style) && !prepareReplacement(present, element);
    if (mustStay || (value === "delete" && !present)) element.remove();
  }
}

/** Returns whether a fragment has content for the target itself. */
function hasContent(fragment: DocumentFragment): boolean {
  return [...fragment.childNodes].some((node) => {
    if (node instanceof Element) return !node.matches(outOfBand) && !wrapsOutOfBand(node);
    return node.nodeType === Node.TEXT_NODE && node.textContent?.trim() !== "";
  });
}

function bringsOutOfBand(fragment: DocumentFragment): boolean {
  return [...fragment.children].some((child) => child.matches(outOfBand) || wrapsOutOfBand(child));
}

/** Returns whether a template holds out-of-band elements. Table rows come in a template, which htmx unwraps. */
function wrapsOutOfBand(element: Element): boolean {
  return element instanceof HTMLTemplateElement && element.content.querySelector(outOfBand) !== null;
}
