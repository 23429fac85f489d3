import type { IncomingMessage } from "node:http";
import { isParameter, requestedCursor } from "../../protocol/matching/subscription-parameters.js";
import { HttpProblem } from "../../protocol/problem.js";
import type { ProtocolVersion } from "../../protocol/protocol-version.js";
import { formType, isForm, readForm } from "../http/form-body.js";
import { textHeader } from "../http/request.js";
import { BodyClaim } from "../limits/request-memory.js";
import type { SubscriptionBudget } from "../limits/subscription-budget.js";

/**
 * Returns the parameters of a subscription request: those of its query, then those of its body for the method QUERY.
 * Mercure 1.0 "Subscription"; RFC 10008.
 *
 * @param query - The request's query.
 * @param limit - The max size of the body, in bytes.
 * @param budget - The budget that counts the body while it is read.
 */
export async function subscriptionParameters(
  req: IncomingMessage,
  query: URLSearchParams,
  limit: number,
  budget: SubscriptionBudget,
): Promise<URLSearchParams> {
  if (req.method !== "QUERY" || !hasBody(req)) return query;
  if (!isForm(req)) throw new HttpProblem(415, `Send the parameters as ${formType}.`, { "Accept-Query": formType });
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

/** Returns a copy of a text. A substring of a body would keep the whole body in memory. */
function ownCopy(text: string): string {
  return Buffer.from(text).toString();
}

/** Removes the body that a parser left on the request: the request lives as long as the stream. */
function forgetBody(req: IncomingMessage & { body?: unknown }): void {
  if (req.body !== undefined) req.body = undefined;
}

function hasBody({ headers }: IncomingMessage): boolean {
  return headers["content-type"] !== undefined || Number(headers["content-length"] ?? 0) > 0;
}

/**
 * Returns the id of the last event the client has seen. The header is newer and precedes the parameters. An empty
 * string means that the client names no event, but asks for the id of the event that precedes the stream.
 */
export function requestedEventId(
  req: IncomingMessage,
  parameters: URLSearchParams,
  version: ProtocolVersion,
): string | undefined {
  const header = textHeader(req, "last-event-id");
  return header || (requestedCursor(parameters, version) ?? header);
}
