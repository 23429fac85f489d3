import { MercureError } from "../shared/errors.js";
import type { HtmxLine } from "../shared/htmx-line.js";
import { didYouMean } from "../shared/nearest.js";

/** The swap styles of htmx 2 and of its idiomorph extension, and their names in htmx 4. */
const styles = new Map([
  ...[
    "innerHTML",
    "outerHTML",
    "textContent",
    "beforebegin",
    "afterbegin",
    "beforeend",
    "afterend",
    "delete",
    "none",
  ].map((style) => [style, style] as const),
  ["morph", "outerMorph"],
  ["morph:innerHTML", "innerMorph"],
  ["morph:outerHTML", "outerMorph"],
]);

/** The further names of htmx 4. */
const stylesOf4 = ["innerMorph", "outerMorph", "outerSync", "before", "after", "prepend", "append"];

const modifier = /^(swap|settle|transition|scroll|show|focus-?[sS]croll|ignoreTitle|strip|target|swapEmpty):./;

/** Styles that remove the element that receives messages, or turn it into the message's element. */
const removing = new Set(["outerHTML", "delete", "morph", "morph:outerHTML", "outerMorph", "outerSync"]);

export interface SwapStyleOptions {
  /** Further styles, of the application's htmx extensions. */
  readonly known: readonly string[];
  /** Whether the element holds the connection, so that it must stay. */
  readonly hasConnection: boolean;
  readonly line: HtmxLine;
}

/**
 * Returns the value of `hx-swap`: a style with modifiers. Modifiers without a style mean `beforeend`.
 *
 * @throws MercureError `ERR_TEMPLATE` for an unknown style or modifier, and for a style that removes the connection.
 */
export function swapStyle(value: unknown, { known, hasConnection, line }: SwapStyleOptions): string {
  if (typeof value !== "string" || value.trim() === "") {
    throw new MercureError("ERR_TEMPLATE", `hx_swap is ${typeof value}; it must be a swap style such as "beforeend".`);
  }
  const words = value.trim().split(/\s+/);
  if (modifier.test(words[0]!)) words.unshift("beforeend");
  const [style, ...modifiers] = words as [string, ...string[]];
  const all = [...styles.keys(), ...(line === 4 ? stylesOf4 : []), ...known];
  if (!all.includes(style)) {
    const hint = didYouMean(style, all) || " If an htmx extension provides it, add it to the option swapStyles.";
    throw new MercureError("ERR_TEMPLATE", `"${style}" is not a swap style.${hint}`);
  }
  for (const word of modifiers) {
    if (modifier.test(word)) continue;
    throw new MercureError("ERR_TEMPLATE", `"${word}" is not a modifier of a swap style, such as "swap:200ms".`);
  }
  if (hasConnection && removing.has(style)) {
    throw new MercureError(
      "ERR_TEMPLATE",
      `hx_swap="${style}" would remove the stream with its first message. Use "innerHTML" to replace its content, or put ` +
        "the stream into a MercureStreamContext.",
    );
  }
  if (line === 4) return [styles.get(style) ?? style, ...modifiers].join(" ").replace("focus-scroll:", "focusScroll:");
  return words.join(" ");
}
