import { isInSvg } from "../core/drawing.js";
import { keepFocus } from "../core/edited-field.js";
import { sameIdIn } from "../core/element-id.js";
import { listOf } from "../core/live-list.js";
import { outOfBand } from "../core/out-of-band.js";
import { isRendered } from "../core/rendered-items.js";
import { prepareContent, replacement } from "../core/replacement.js";
import type { SwapTask } from "./htmx.js";

/**
 * Changes the tasks of a swap for a live list: an arriving element replaces the element of the list with the same id. A
 * message with only out-of-band elements leaves the target unchanged. A field that the visitor is changing stays, with
 * the focus.
 *
 * @param isRepeated - Whether the page has received the message before. Undefined for the answer of a request.
 * @param isRefetch - Whether the swap answers a gap. Such a swap replaces a region without a request of the reader, and
 * never leaves it empty.
 */
export function mergeTasks(tasks: SwapTask[], isRepeated?: boolean, isRefetch = false): void {
  const main = tasks.find(({ type }) => type === "main");
  const list = main?.target && listOf(main.target, main.swapSpec.style);
  if (list && isRepeated && isRendered(main.fragment, list)) tasks.length = 0;
  for (const item of list && tasks.length > 0 ? [...main.fragment.children] : []) {
    const target = list && sameIdIn(list, item);
    // A message that deletes an item and adds it again moves it to the place of new items.
    if (!target || tasks.some((task) => task.target === target)) continue;
    const fragment = new DocumentFragment();
    // All tasks of a message are prepared below.
    if (isRepeated === undefined) replacement.prepare(target, item);
    fragment.append(item);
    tasks.push({ ...main!, type: "oob", fragment, target, swapSpec: { style: "outerHTML" } });
  }
  if (isRepeated === undefined) return;
  const kept = tasks.filter((task) => {
    const { fragment, target, swapSpec } = task;
    keepFocus(fragment, isRefetch);
    // The answer to a gap is empty if it lacks the element of `hx-select`.
    const isEmpty = !fragment.firstElementChild && !fragment.textContent?.trim();
    if (isEmpty && task === main && (isRefetch || tasks.length > 1)) return false;
    return !target || prepareContent(target, fragment, swapSpec.style);
  });
  tasks.splice(0, tasks.length, ...kept);
}

/** Unwraps out-of-band elements from their templates, which table rows need in htmx 2. */
export function withoutTemplates(html: string): string {
  if (!/<template\b/i.test(html)) return html;
  const holder = document.createElement("template");
  holder.innerHTML = html;
  for (const template of holder.content.querySelectorAll("template")) {
    if (template.content.querySelector(outOfBand)) template.replaceWith(...template.content.childNodes);
  }
  return holder.innerHTML;
}

/**
 * Returns whether a message needs the parser of drawings. The usual parser would make unknown HTML elements of its
 * shapes.
 */
export function isDrawing(target: Element, html: string): boolean {
  return isInSvg(target) && !/^\s*<svg\b/i.test(html);
}
