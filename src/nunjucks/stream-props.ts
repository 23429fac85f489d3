// Readers of the properties of the tags for streams.

import type { ConnectionOptions } from "../publisher/streams/stream-urls.js";
import { MercureError } from "../shared/errors.js";
import { describeValue } from "../shared/plain-object.js";
import type { Props } from "./components.js";
import type { TagProps } from "./tag-props.js";

/** Elements without content, or with content that htmx cannot swap. */
const unusableElements = new Set(
  "area base br col embed hr img input link meta source track wbr script style template textarea title".split(" "),
);

/** Elements that `role="log"` would deprive of their meaning. They announce additions with `aria-live` instead. */
const elementsWithRole = new Set(["ul", "ol", "menu", "dl", "table", "tbody", "thead", "tfoot", "select"]);

/** Attributes that make a scrolled stream usable by keyboard and audible to screen readers. */
export function scrollProps(tag: string): Props {
  const announced = elementsWithRole.has(tag) ? { aria_live: "polite", aria_relevant: "additions" } : { role: "log" };
  return { data_auto_scroll: "", tabindex: 0, ...announced };
}

/** Returns the attributes that tell the page's script to keep only the newest items. */
export function limitProps(limit: unknown, swap: string, target: unknown): Props {
  if (limit === undefined) return {};
  const style = swap.split(" ")[0];
  if (!Number.isSafeInteger(limit) || (limit as number) < 1) {
    throw new MercureError(
      "ERR_TEMPLATE",
      `limit is ${describeValue(limit)}; it must be a whole number of items, at least 1.`,
    );
  }
  if (target !== "this" || (style !== "beforeend" && style !== "afterbegin")) {
    throw new MercureError("ERR_TEMPLATE", 'limit needs hx_swap="beforeend" or "afterbegin", and no hx_target.');
  }
  return { data_mercure_limit: limit, ...(style === "afterbegin" && { data_mercure_oldest: "last" }) };
}

/** Rejects commas. htmx reads them as a list of selectors, and a visitor's text could select the whole page. */
export function oneTarget(value: unknown): unknown {
  if (!String(value).includes(",")) return value;
  throw new MercureError(
    "ERR_TEMPLATE",
    `hx_target must name one element, without a comma, not ${JSON.stringify(value)}.`,
  );
}

export function elementName(value: unknown): string {
  const name = String(value);
  if (/^[a-z][a-z0-9-]*$/.test(name) && !unusableElements.has(name)) return name;
  throw new MercureError(
    "ERR_TEMPLATE",
    `tag=${JSON.stringify(value)} is not an element that can contain a stream's content.`,
  );
}

export function flag(props: TagProps, key: string): boolean {
  const value = props.take(key, false);
  if (typeof value === "boolean") return value;
  throw new MercureError("ERR_TEMPLATE", `${key} is ${describeValue(value)}; it must be true or false.`);
}

export function connectionOptions(props: TagProps): ConnectionOptions {
  return {
    private: flag(props, "private"),
    withSubscriptions: flag(props, "with_subscriptions"),
    variant: props.take("variant"),
    withPresence: false,
  };
}

/** Returns the first given property that only a tag with a topic can have; undefined without one. */
export function givenOf({ private: isPrivate, withSubscriptions, variant }: ConnectionOptions): string | undefined {
  if (isPrivate) return "private";
  if (withSubscriptions) return "with_subscriptions";
  return variant === undefined ? undefined : "variant";
}

/** Joins names with the author's, without repetition. */
export function joined(own: string, authors: unknown): string {
  const names = `${own} ${authors ?? ""}`.split(/\s+/).filter(Boolean);
  return [...new Set(names)].join(" ");
}

/** Returns the list of htmx extensions of a stream, with the author's. */
export function extensions(authors: unknown): string {
  const names = `sse,${authors ?? ""}`.split(",").map((name) => name.trim());
  return [...new Set(names.filter(Boolean))].join(", ");
}
