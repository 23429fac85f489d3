import { keepEdited } from "./edited-field.js";

interface Replacement {
  /** Runs before content replaces a present element, or the content of an element where a fragment arrives. */
  prepare(present: Element, arriving: ParentNode): void;
  /** Resolves when messages can replace content without a loss of the reader's changes. Undefined for at once. */
  ready?: Promise<unknown>;
}

/** The step before content is replaced. The on-demand script sets it. */
export const replacement: Replacement = { prepare() {} };

/**
 * Gives an arriving element the reader's changes to the present one. Returns false when the present one must stay,
 * because the visitor is changing a field that the arriving one lacks.
 *
 * @param arriving - The element that replaces the present one, or a fragment that replaces its content.
 */
export function prepareReplacement(present: Element, arriving: ParentNode): boolean {
  if (!keepEdited(present, arriving)) return false;
  replacement.prepare(present, arriving);
  return true;
}

/** Does the same as {@link prepareReplacement} for the content of a swap, if its style replaces content. */
export function prepareContent(target: Element, fragment: DocumentFragment, style: string): boolean {
  if (!/^(inner|outer|morph|text)/.test(style)) return true;
  return prepareReplacement(target, /inner|text/.test(style) ? fragment : (fragment.firstElementChild ?? fragment));
}
