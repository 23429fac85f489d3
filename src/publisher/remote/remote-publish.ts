import { randomUUID } from "node:crypto";
import { setTimeout as wait } from "node:timers/promises";
import { validateDraft } from "../../protocol/draft.js";
import type { Draft } from "../../protocol/update.js";
import { MercureError } from "../../shared/errors.js";
import { boundedText, connectionFailure, retryAfterOf } from "./http-answer.js";

/** In milliseconds. */
export interface Patience {
  /** How long the hub may take to answer one request. */
  readonly answer: number;
  /** For how long, from the first attempt, an update is sent again that the hub cannot have taken. */
  readonly repetition: number;
}

/** Enough for the restart of a hub, and little enough for a visitor whose request waits for it. */
const defaultPatience: Patience = { answer: 10_000, repetition: 3000 };
const firstPause = 100;

/** In bytes: far longer than any id, and shorter than any page that something else at this URL would answer with. */
const longestId = 4096;

/** What an attempt came to: the id that the hub gave the update, or why it gave none. */
type Outcome =
  | { readonly id: string }
  | {
      readonly error: MercureError;
      /** How long the hub asks to wait, in milliseconds; undefined when it may have taken the update, or never will. */
      readonly repeatAfter: number | undefined;
    };

/**
 * Publishes to another hub over HTTP (Mercure 0.x and 1.0, "Publication").
 *
 * It is repeated for some seconds where the hub cannot have taken the update: it refused the connection, or answered
 * 429 or 503. The id stays the same then, so that a hub that recognises retries takes it once, whatever happened.
 *
 * @returns the id that the hub gave the update
 * @throws MercureError `ERR_PUBLISH` when the hub refuses, does not answer in ten seconds, or cannot be reached;
 * `ERR_TOPIC`, `ERR_DATA` or `ERR_UPDATE` for a draft that breaks the protocol, as with the hub in this process.
 */
export async function publishToRemoteHub(
  hubUrl: string,
  token: string,
  draft: Draft,
  { answer, repetition }: Patience = defaultPatience,
): Promise<string> {
  if (!URL.canParse(hubUrl)) throw new MercureError("ERR_PUBLISH", `The hub's URL ${hubUrl} is none.`);
  validateDraft(draft, new URL(hubUrl).pathname);
  const body = formOf({ ...draft, id: draft.id ?? `urn:uuid:${randomUUID()}` });
  const end = Date.now() + repetition;
  for (let pause = firstPause; ; pause *= 2) {
    const outcome = await attempt(hubUrl, token, body, answer);
    if ("id" in outcome) return outcome.id;
    if (outcome.repeatAfter === undefined) throw outcome.error;
    // Spread, so that the processes of an application do not all come back in the same moment.
    const delay = Math.max(outcome.repeatAfter, pause * (0.5 + Math.random() / 2));
    if (Date.now() + delay > end) throw outcome.error;
    await wait(delay);
  }
}

function formOf(draft: Draft): URLSearchParams {
  const form = new URLSearchParams(draft.topics.map((topic): [string, string] => ["topic", topic]));
  form.set("data", draft.data);
  if (draft.private) form.set("private", "on");
  if (draft.id !== undefined) form.set("id", draft.id);
  if (draft.type !== undefined) form.set("type", draft.type);
  if (draft.retry !== undefined) form.set("retry", String(draft.retry));
  return form;
}

async function attempt(hubUrl: string, token: string, body: URLSearchParams, patience: number): Promise<Outcome> {
  let response: Response;
  let text: string | undefined;
  try {
    response = await fetch(hubUrl, {
      method: "POST",
      headers: { Authorization: `Bearer ${token}` },
      body,
      // Followed, it would hand the token to wherever it leads.
      redirect: "manual",
      signal: AbortSignal.timeout(patience),
    });
    text = await boundedText(response, longestId);
  } catch (error) {
    const { reason, isUnsent, isUnanswered } = connectionFailure(error);
    const what = isUnanswered
      ? `did not answer, and may have taken the update: ${reason}`
      : `cannot be reached: ${reason}`;
    return {
      error: new MercureError("ERR_PUBLISH", `The hub at ${hubUrl} ${what}.`, { cause: error }),
      repeatAfter: isUnsent ? 0 : undefined,
    };
  }
  if (response.ok && text && !/[\r\n]/.test(text)) return { id: text };
  const isBusy = response.status === 429 || response.status === 503;
  return {
    error: new MercureError("ERR_PUBLISH", `The hub at ${hubUrl} ${complaint(response, text)}.`),
    repeatAfter: isBusy ? retryAfterOf(response) : undefined,
  };
}

function complaint({ ok, status, headers }: Response, text: string | undefined): string {
  if (ok) return `answered ${status} without an id, as no hub does: something else may be at this URL`;
  const location = headers.get("Location");
  if (status >= 300 && status < 400 && location !== null) {
    return `redirects to ${location} (${status}), which is not followed; name the hub's own URL`;
  }
  const challenge = headers.get("WWW-Authenticate");
  const detail = isProblem(headers) ? detailOf(text) : "";
  return `refused the update: ${status}${challenge === null ? "" : ` (${challenge})`}${detail}`;
}

function isProblem(headers: Headers): boolean {
  return /^application\/problem\+json\b/i.test(headers.get("Content-Type") ?? "");
}

/** What a problem document says for people. RFC 9457, section 3.1.4. */
function detailOf(text = ""): string {
  try {
    const { detail } = JSON.parse(text) as { detail?: unknown };
    return typeof detail === "string" && detail !== "" ? `: ${detail.replace(/\.$/, "")}` : "";
  } catch {
    return "";
  }
}
