import { randomUUID } from "node:crypto";
import { setTimeout as wait } from "node:timers/promises";
import { validateDraft } from "../../protocol/draft.js";
import type { Draft } from "../../protocol/update.js";
import { MercureError } from "../../shared/errors.js";
import { boundedText, connectionFailure, retryAfterOf } from "./http-answer.js";

/** Timeouts of a publish, in milliseconds. */
export interface Timeouts {
  /** The max time until the hub answers one request. */
  readonly answer: number;
  /** The max time, from the first attempt, until the last retry of an update. */
  readonly repetition: number;
}

/** The default timeouts. A hub can restart within them, and a visitor whose request waits can wait as long. */
const defaultTimeouts: Timeouts = { answer: 10_000, repetition: 3000 };
const firstPause = 100;

/** The max length of an id in an answer, in bytes. It is far longer than any id, and shorter than a web page. */
const maxIdLength = 4096;

/** The result of an attempt: the update's id from the hub, or an error. */
type Outcome =
  | { readonly id: string }
  | {
      readonly error: MercureError;
      /**
       * The time to wait before a retry, in milliseconds. Undefined if a retry is useless, or if the hub may have
       * stored the update.
       */
      readonly repeatAfter: number | undefined;
    };

/**
 * Publishes an update to another hub over HTTP (Mercure 0.x and 1.0, "Publication").
 *
 * The request is retried for three seconds if the hub cannot have stored the update: the hub refused the connection, or
 * answered 429 or 503. All attempts have the same id, so a hub that recognizes retries stores the update once.
 *
 * @returns the id that the hub gave the update
 * @throws MercureError `ERR_PUBLISH` if the hub rejects the update, does not answer in ten seconds, or cannot be
 * reached.
 * @throws MercureError `ERR_TOPIC`, `ERR_DATA` or `ERR_UPDATE` for a draft that breaks the protocol, as with the hub in
 * this process.
 */
export async function publishToRemoteHub(
  hubUrl: string,
  token: string,
  draft: Draft,
  { answer, repetition }: Timeouts = defaultTimeouts,
): Promise<string> {
  if (!URL.canParse(hubUrl))
    throw new MercureError(
      "ERR_PUBLISH",
      `hubUrl is not a valid URL: "${hubUrl}". Use an absolute URL such as https://example.com/.well-known/mercure.`,
    );
  validateDraft(draft, new URL(hubUrl).pathname);
  // History does not hold an update with keep: false, so an id cannot show that an attempt repeats another.
  const body = formOf(draft.keep === false ? draft : { ...draft, id: draft.id ?? `urn:uuid:${randomUUID()}` });
  const end = Date.now() + repetition;
  for (let pause = firstPause; ; pause *= 2) {
    const outcome = await attempt(hubUrl, token, body, answer);
    if ("id" in outcome) return outcome.id;
    if (outcome.repeatAfter === undefined) throw outcome.error;
    // Jitter keeps the processes of an application from retrying at the same moment.
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
  if (draft.keep === false) form.set("keep", "false");
  if (draft.key !== undefined) form.set("key", draft.key);
  return form;
}

async function attempt(hubUrl: string, token: string, body: URLSearchParams, timeout: number): Promise<Outcome> {
  let response: Response;
  let text: string | undefined;
  try {
    response = await fetch(hubUrl, {
      method: "POST",
      headers: { Authorization: `Bearer ${token}` },
      body,
      // A followed redirect would send the token to its target.
      redirect: "manual",
      signal: AbortSignal.timeout(timeout),
    });
    text = await boundedText(response, maxIdLength);
  } catch (error) {
    const { reason, notSent, maybeReceived } = connectionFailure(error);
    const what = maybeReceived
      ? `did not answer, and may have received the update: ${reason}`
      : `cannot be reached: ${reason}`;
    return {
      error: new MercureError("ERR_PUBLISH", `The hub at ${hubUrl} ${what}.`, { cause: error }),
      repeatAfter: notSent ? 0 : undefined,
    };
  }
  if (response.ok && text && !/[\r\n]/.test(text)) return { id: text };
  const isBusy = response.status === 429 || response.status === 503;
  const { status } = response;
  return {
    error: new MercureError("ERR_PUBLISH", `The hub at ${hubUrl} ${describeFailure(response, text)}.`, {
      cause: { status },
    }),
    repeatAfter: isBusy ? retryAfterOf(response) : undefined,
  };
}

function describeFailure({ ok, status, headers }: Response, text: string | undefined): string {
  if (ok) return `answered ${status} without an update's id; the URL may belong to another server`;
  const location = headers.get("Location");
  if (status >= 300 && status < 400 && location !== null) {
    return `redirects to ${location} (${status}); redirects are not followed, so set the hub's own URL`;
  }
  const challenge = headers.get("WWW-Authenticate");
  const detail = isProblem(headers) ? detailOf(text) : "";
  return `rejected the update: ${status}${challenge === null ? "" : ` (${challenge})`}${detail}`;
}

function isProblem(headers: Headers): boolean {
  return /^application\/problem\+json\b/i.test(headers.get("Content-Type") ?? "");
}

/** Returns the human-readable detail of a problem document. RFC 9457, section 3.1.4. */
function detailOf(text = ""): string {
  try {
    const { detail } = JSON.parse(text) as { detail?: unknown };
    return typeof detail === "string" && detail !== "" ? `: ${detail.replace(/\.$/, "")}` : "";
  } catch {
    return "";
  }
}
