import { connectionEvents } from "../protocol/event-types.js";
import { MercureError } from "../shared/errors.js";

/**
 * Returns the value of `sse-swap`: the event types that a stream receives, separated by commas.
 *
 * @throws MercureError `ERR_TEMPLATE` for a type that htmx-ext-sse cannot listen to.
 */
export function eventTypes(value: unknown): string {
  const types = Array.isArray(value) ? value : [value];
  if (types.length === 0) throw new MercureError("ERR_TEMPLATE", "type is an empty list; it must name an event type.");
  return types.map(eventType).join(",");
}

function eventType(value: unknown): string {
  if (!(typeof value === "string" || value instanceof String) || value.length === 0) {
    throw new MercureError(
      "ERR_TEMPLATE",
      `type is ${value === "" ? "empty" : typeof value}; it must name an event type.`,
    );
  }
  const type = String(value);
  if (connectionEvents.has(type)) {
    throw new MercureError(
      "ERR_TEMPLATE",
      `type="${type}" is reserved for an EventSource's own events. Choose another type.`,
    );
  }
  const problem = /[\r\n]/.test(type)
    ? "a line break"
    : type.includes(",")
      ? "a comma, which htmx reads as a list"
      : type !== type.trim()
        ? "white space around it, which htmx removes"
        : undefined;
  if (problem === undefined) return type;
  throw new MercureError("ERR_TEMPLATE", `type=${JSON.stringify(type)} is invalid: it has ${problem}.`);
}
