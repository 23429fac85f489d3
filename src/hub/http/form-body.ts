import { isUtf8 } from "node:buffer";
import type { IncomingMessage } from "node:http";
import { parseForm } from "../../protocol/form.js";
import { HttpProblem } from "../../protocol/problem.js";
import { GrowingBuffer } from "./growing-buffer.js";
import type { HubRequest, HubResponse } from "./messages.js";

export const formType = "application/x-www-form-urlencoded";

/** Whether a request's content type is that of a form. */
export function isForm(req: IncomingMessage): boolean {
  const type = req.headers["content-type"];
  return type === formType || type?.split(";", 1)[0]?.trim().toLowerCase() === formType;
}

export interface FormReading {
  /** Whether a field of this name is read. Such a field must be text; all other fields are ignored. */
  isKnown?(name: string): boolean;
  /** Called before the body takes `bytes` more memory. It can throw a refusal. */
  onGrowth?(bytes: number): void;
}

/**
 * Stops a body that another listener has made flow, until the hub reads it. A listener that checks a signature or
 * writes a log passes the request on at once. The hub would miss the bytes that arrive while it verifies the token.
 */
export function holdBody(req: HubRequest, res: HubResponse): void {
  if (req.listenerCount("data") === 0 || req.readableDidRead) return;
  req.pause();
  // A rejected request leaves its body unread, and its connection would wait for the rest.
  res.once("close", () => req.resume());
}

/**
 * Reads the form in a request's body, or takes it from the body parser of the application that has read it.
 *
 * @param limit - The max size of the body, in bytes.
 * @throws HttpProblem 413 for a larger body, 400 for an invalid one.
 */
export async function readForm(
  req: IncomingMessage,
  limit: number,
  { isKnown = () => true, onGrowth = () => {} }: FormReading = {},
): Promise<URLSearchParams> {
  if (Number(req.headers["content-length"]) > limit) throw tooLarge(limit);
  // Reading a stream that another reader has started yields the rest at most, or waits forever.
  const isRead = req.readableDidRead || req.readableEnded;
  if (!isRead) return parseBody(await readBody(req, limit, onGrowth));
  if (!req.readableEnded) await readByOther(req);
  const left = leftBody(req);
  if (!Buffer.isBuffer(left)) return formOf(left, isKnown);
  if (left.length > limit) throw tooLarge(limit);
  onGrowth(left.length);
  return parseBody(left);
}

/** A request with the properties that body parsers and collectors add. */
interface ReadRequest extends IncomingMessage {
  readonly body?: unknown;
  /** The bytes, from collectors that also parse. */
  readonly rawBody?: unknown;
}

function leftBody(req: ReadRequest): Buffer | object {
  const { body, rawBody, readableEncoding } = req;
  const bytes = bytesOf(rawBody, readableEncoding) ?? bytesOf(body, readableEncoding);
  if (bytes !== undefined) return bytes;
  if (typeof body === "object" && body !== null) return body;
  if (!req.readableDidRead) return Buffer.alloc(0);
  throw new Error(
    "A handler before the hub has consumed the request's body without setting req.body or req.rawBody: " +
      "mount the hub before it.",
  );
}

/** Waits until another listener has read the whole body. */
function readByOther(req: IncomingMessage): Promise<void> {
  return new Promise((resolve, reject) => {
    const onClose = () => reject(endedEarly());
    if (req.destroyed) return onClose();
    req.once("end", resolve).once("close", onClose).resume();
  });
}

function bytesOf(body: unknown, encoding: BufferEncoding | null): Buffer | undefined {
  if (typeof body === "string") return Buffer.from(body, encoding ?? "utf8");
  return body instanceof Uint8Array ? Buffer.from(body.buffer, body.byteOffset, body.byteLength) : undefined;
}

function formOf(fields: object, isKnown: (name: string) => boolean): URLSearchParams {
  const form = new URLSearchParams();
  const isList = fields instanceof URLSearchParams || fields instanceof FormData || fields instanceof Map;
  for (const [name, value] of isList ? fields.entries() : Object.entries(fields)) {
    if (!isKnown(name)) continue;
    for (const item of Array.isArray(value) ? value : [value]) {
      if (typeof item !== "string") throw new HttpProblem(400, `The field ${name} must be text.`);
      form.append(name, item);
    }
  }
  return form;
}

// Without `Connection: close` Node would read the rest of the body.
function tooLarge(limit: number): HttpProblem {
  return new HttpProblem(413, `The body can have max ${limit} bytes.`, { Connection: "close" });
}

function endedEarly(): HttpProblem {
  return new HttpProblem(400, "The request ended early.");
}

function parseBody(body: Buffer): URLSearchParams {
  const form = isUtf8(body) ? parseForm(body.toString()) : undefined;
  if (form === undefined) throw new HttpProblem(400, "The body is not valid UTF-8.");
  return form;
}

function readBody(req: IncomingMessage, limit: number, onGrowth: (bytes: number) => void): Promise<Buffer> {
  return new Promise((resolve, reject) => {
    const body = new GrowingBuffer(limit, onGrowth);
    // The request lives as long as its response, which may be a stream: it must not keep the body in memory.
    const stop = () => req.off("data", onData).off("end", onEnd).off("error", onBreak).off("close", onBreak);
    const refuse = (error: unknown) => {
      stop();
      req.pause();
      reject(error);
    };
    const onData = (data: Buffer | string) => {
      const chunk = typeof data === "string" ? Buffer.from(data, req.readableEncoding ?? "utf8") : data;
      if (body.length + chunk.length > limit) return refuse(tooLarge(limit));
      try {
        body.append(chunk);
      } catch (error) {
        refuse(error);
      }
    };
    const onEnd = () => {
      stop();
      resolve(body.bytes);
    };
    const onBreak = () => {
      stop();
      // Requests that were read completely are closed too. Creating an error for each would be expensive.
      if (!req.readableEnded) reject(endedEarly());
    };
    req.on("data", onData).on("end", onEnd).on("error", onBreak).on("close", onBreak).resume();
  });
}
