import { MercureError } from "../shared/errors.js";
import { didYouMean } from "../shared/nearest.js";

/** The swap styles of htmx 2 and of its idiomorph extension. */
const styles = [
  "innerHTML",
  "outerHTML",
  "textContent",
  "beforebegin",
  "afterbegin",
  "beforeend",
  "afterend",
  "delete",
  "none",
  "morph",
  "morph:innerHTML",
  "morph:outerHTML",
];

const modifier = /^(swap|settle|transition|scroll|show|focus-scroll|ignoreTitle|strip|target):./;

/** Styles that remove the element that receives messages, or turn it into the message's element. */
const removing = new Set(["outerHTML", "delete", "morph", "morph:outerHTML"]);

export interface SwapStyleOptions {
  /** Further styles, of the application's htmx extensions. */
  readonly known: readonly string[];
  /** Whether the element holds the connection, so that it must stay. */
  readonly hasConnection: boolean;
}

/**
 * Returns the value of `hx-swap`: a style with modifiers. Modifiers without a style mean `beforeend`.
 *
 * @throws MercureError `ERR_TEMPLATE` for an unknown style or modifier, and for a style that removes the connection.
 */
export function swapStyle(value: unknown, { known, hasConnection }: SwapStyleOptions): string {
  if (typeof value !== "string" || value.trim() === "") {
    throw new MercureError("ERR_TEMPLATE", `hx_swap is ${typeof value}; it must be a swap style such as "beforeend".`);
  }
  const words = value.trim().split(/\s+/);
  if (modifier.test(words[0]!)) words.unshift("beforeend");
  const [style, ...modifiers] = words as [string, ...string[]];
  const all = [...styles, ...known];
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
  return words.join(" ");
}
