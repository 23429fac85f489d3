import type { Selector } from "../../protocol/active-subscription.js";
import { type Variants, variantTopics } from "../publish/variants.js";

/**
 * Returns the selectors of a variant, and notes that a page streams it. Its private updates have a separate name, so a
 * public stream of the variant does not receive them.
 *
 * @throws MercureError `ERR_TOPIC` if a topic has too many variants, or is a pattern.
 */
export function variantSelectors(
  variants: Variants,
  selectors: readonly Selector[],
  variant: string,
  isPrivate: boolean,
): Selector[] {
  const names = selectors.map(nameOrPattern);
  variants.rendered(names, variant);
  const own = isPrivate ? variantTopics(names, variant, "private-variant") : [];
  return [...variantTopics(names, variant, "variant"), ...own].map((text) => ({ text }));
}

/** Notes that selectors are streamed without a variant. */
export function noteWithoutVariant(variants: Variants, selectors: readonly Selector[]): void {
  variants.renderedPlain(selectors.map(nameOrPattern));
}

function nameOrPattern({ text, matchType }: Selector): string {
  return matchType === "urlpattern" ? "*" : text;
}
