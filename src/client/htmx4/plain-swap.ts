import { listOf } from "../core/live-list.js";
import { parsePlain } from "../core/plain-content.js";
import type { InternalApi, SwapContext } from "./htmx.js";

/**
 * Swaps plain content as htmx does, with the same events, but without a document for each parse. Returns undefined for
 * content and styles that need htmx's own swap.
 */
export function swapPlain(api: InternalApi, context: SwapContext): Promise<void> | undefined {
  const { sourceElement, swap: style, target, text = "", select, selectOOB } = context;
  if (!target || !listOf(target, style) || select || selectOOB || /swap-oob/i.test(text)) return undefined;
  const fragment = parsePlain(text);
  if (!fragment) return undefined;
  const tasks = [{ type: "main" as const, fragment, target, swapSpec: { style }, sourceElement }];
  const trigger = (name: string) => api.triggerHtmxEvent(sourceElement, `htmx:${name}:swap`, { ctx: context, tasks });
  const swap = async () => {
    if (!trigger("before")) return;
    await Promise.all(tasks.map((task) => api.insertContent(task)));
    trigger("after");
  };
  return swap().finally(() => trigger("finally"));
}
