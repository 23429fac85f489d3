import type { IncomingMessage } from "node:http";
import type { Generation } from "../protocol/generation.js";
import { Refusal } from "../protocol/problem.js";
import { requestedCursor } from "../protocol/subscription-parameters.js";
import { formType, isForm, readForm } from "./form-body.js";
import { textHeader } from "./request.js";

/**
 * The parameters of a request that subscribes: of its query, and after them those of its body, when the method is QUERY.
 * Mercure 1.0 "Subscription"; RFC 10008.
 *
 * @param query - The request's own.
 * @param limit - How large the body may be, in bytes.
 */
export async function subscriptionParameters(
  req: IncomingMessage,
  query: URLSearchParams,
  limit: number,
): Promise<URLSearchParams> {
  if (req.method !== "QUERY" || !hasBody(req)) return query;
  if (!isForm(req)) throw new Refusal(415, `Send the parameters as ${formType}.`, { "Accept-Query": formType });
  return new URLSearchParams([...query, ...(await readForm(req, limit))]);
}

function hasBody({ headers }: IncomingMessage): boolean {
  return headers["content-type"] !== undefined || Number(headers["content-length"] ?? 0) > 0;
}

/**
 * The id of the event that the client has last seen; the header, which is newer, goes before the parameters. Empty when
 * the client names none, though it asks after which one the stream begins.
 */
export function requestedEventId(
  req: IncomingMessage,
  parameters: URLSearchParams,
  generation: Generation,
): string | undefined {
  const header = textHeader(req, "last-event-id");
  return header || (requestedCursor(parameters, generation) ?? header);
}
