import { MercureError } from "../errors.js";
import type { Draft } from "../protocol/update.js";

/** How long a remote hub may take to answer, in milliseconds. */
const patience = 10_000;

/**
 * Publishes to another hub over HTTP (Mercure 0.x, "Publication").
 *
 * @returns the id that the hub gave the update
 * @throws MercureError `ERR_PUBLISH` when the hub refuses, does not answer in ten seconds, or cannot be reached.
 */
export async function publishToRemoteHub(hubUrl: string, token: string, draft: Draft): Promise<string> {
  const body = new URLSearchParams(draft.topics.map((topic): [string, string] => ["topic", topic]));
  body.set("data", draft.data);
  if (draft.private) body.set("private", "on");
  if (draft.id !== undefined) body.set("id", draft.id);
  if (draft.type !== undefined) body.set("type", draft.type);
  if (draft.retry !== undefined) body.set("retry", String(draft.retry));
  let response: Response;
  let answer: string;
  try {
    response = await fetch(hubUrl, {
      method: "POST",
      headers: { Authorization: `Bearer ${token}` },
      body,
      redirect: "error",
      signal: AbortSignal.timeout(patience),
    });
    answer = await response.text();
  } catch (error) {
    throw new MercureError("ERR_PUBLISH", `The hub at ${hubUrl} cannot be reached: ${reason(error)}.`, {
      cause: error,
    });
  }
  if (!response.ok) {
    const challenge = response.headers.get("WWW-Authenticate");
    const details = challenge === null ? "" : ` (${challenge})`;
    throw new MercureError("ERR_PUBLISH", `The hub at ${hubUrl} refused the update: ${response.status}${details}.`);
  }
  return answer;
}

function reason(error: unknown): string {
  const { message, cause } = error as Error;
  return cause instanceof Error && cause.message !== "" ? cause.message : message;
}
