import type { IncomingMessage } from "node:http";
import { isParameter, requestedCursor } from "../../protocol/matching/subscription-parameters.js";
import { Refusal } from "../../protocol/problem.js";
import type { Generation } from "../../protocol/protocol-version.js";
import { formType, isForm, readForm } from "../http/form-body.js";
import { textHeader } from "../http/request.js";
import { BodyClaim } from "../limits/request-memory.js";
import type { SubscriptionBudget } from "../limits/subscription-budget.js";

/**
 * The parameters of a request that subscribes: of its query, and after them those of its body, when the method is QUERY.
 * Mercure 1.0 "Subscription"; RFC 10008.
 *
 * @param query - The request's own.
 * @param limit - How large the body may be, in bytes.
 * @param budget - What the body is counted in while it is read.
 */
export async function subscriptionParameters(
  req: IncomingMessage,
  query: URLSearchParams,
  limit: number,
  budget: SubscriptionBudget,
): Promise<URLSearchParams> {
  if (req.method !== "QUERY" || !hasBody(req)) return query;
  if (!isForm(req)) throw new Refusal(415, `Send the parameters as ${formType}.`, { "Accept-Query": formType });
  const claim = new BodyClaim(budget, req);
  try {
    const form = await readForm(req, limit, { isKnown: isParameter, onGrowth: (bytes) => claim.grow(bytes) });
    forgetBody(req);
    const parameters = new URLSearchParams(query);
    for (const [name, value] of form) parameters.append(name, ownCopy(value));
    return parameters;
  } finally {
    claim.leave();
  }
}

/** A text by itself. One that was cut out of a body keeps all of it in memory. */
function ownCopy(text: string): string {
  return Buffer.from(text).toString();
}

/** A body parser of the application has left its body on the request, which lives as long as the stream. */
function forgetBody(req: IncomingMessage & { body?: unknown }): void {
  if (req.body !== undefined) req.body = undefined;
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
