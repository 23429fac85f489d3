import { parseRetryAfter } from "./reconnect-delay.js";
import type { StreamRequest } from "./stream-address.js";

export interface ConnectionReceiver {
  opened(response: Response): void;
  bytes(chunk: Uint8Array): void;
}

/** The end of a connection: final by the server's answer, or worth a retry. */
export type Outcome =
  | { readonly final: true; readonly status: number; readonly reason: string }
  | { readonly final: false; readonly retryAfter: number; readonly reason: string };

/** Makes one request and passes on its bytes until it ends. The promise never rejects: an aborted request just ends. */
export async function readStream(
  request: StreamRequest,
  receiver: ConnectionReceiver,
  signal: AbortSignal,
): Promise<Outcome> {
  let response: Response;
  try {
    // The request has credentials, like the EventSource of htmx's extension, because a hub can authorize by cookies.
    response = await fetch(request.url, {
      headers: request.headers,
      credentials: "include",
      cache: "no-store",
      // The target of a redirect must not get the token.
      redirect: request.headers.Authorization === undefined ? "follow" : "manual",
      signal,
    });
  } catch {
    return interrupted("the server cannot be reached");
  }
  if (signal.aborted) return interrupted("aborted");
  const ending = classify(response);
  if (ending) {
    response.body?.cancel().catch(() => {});
    return ending;
  }
  receiver.opened(response);
  const reader = response.body?.getReader();
  while (reader && !signal.aborted) {
    const { value } = await reader.read().catch(() => ({ value: undefined }));
    if (!value) break;
    receiver.bytes(value);
  }
  return interrupted("the connection ended");
}

function classify(response: Response): Outcome | undefined {
  const { status } = response;
  if (status >= 500 || status === 429 || status === 408) {
    return interrupted(`status ${status}`, parseRetryAfter(response.headers.get("Retry-After"), Date.now()));
  }
  if (response.type === "opaqueredirect") return { final: true, status, reason: "a redirect" };
  if (status !== 200) return { final: true, status, reason: `status ${status}` };
  const type = response.headers.get("Content-Type") ?? "";
  if (/^\s*text\/event-stream\s*(;|$)/i.test(type)) return undefined;
  return { final: true, status, reason: `content type "${type}" instead of text/event-stream` };
}

function interrupted(reason: string, retryAfter = 0): Outcome {
  return { final: false, retryAfter, reason };
}
