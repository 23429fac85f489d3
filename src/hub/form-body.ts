import { isUtf8 } from "node:buffer";
import type { IncomingMessage } from "node:http";
import { parseForm } from "../protocol/form.js";
import { Refusal } from "../protocol/problem.js";
import { GrowingBuffer } from "./growing-buffer.js";

export const formType = "application/x-www-form-urlencoded";

/** Whether the body of a request is announced as a form. */
export function isForm(req: IncomingMessage): boolean {
  const type = req.headers["content-type"];
  return type === formType || type?.split(";", 1)[0]?.trim().toLowerCase() === formType;
}

/**
 * Reads the form that a request carries as its body.
 *
 * @param limit - How large it may be, in bytes; 413 when it is larger.
 * @param onGrowth - Called before the body takes so many bytes more memory; it may throw a refusal.
 */
export async function readForm(
  req: IncomingMessage,
  limit: number,
  onGrowth: (bytes: number) => void = () => {},
): Promise<URLSearchParams> {
  return parsedByExpress(req) ?? parseBody(await readBody(req, limit, onGrowth));
}

/** The fields, when a body parser of the application has consumed the request before the hub could. */
function parsedByExpress(req: IncomingMessage & { readonly body?: unknown }): URLSearchParams | undefined {
  const { body, readableEnded } = req;
  if (!readableEnded || typeof body !== "object" || body === null) return undefined;
  if (Buffer.isBuffer(body)) return parseBody(body);
  const form = new URLSearchParams();
  for (const [name, value] of Object.entries(body)) {
    for (const item of Array.isArray(value) ? value : [value]) {
      if (typeof item !== "string") throw new Refusal(400, `The field ${name} must be text.`);
      form.append(name, item);
    }
  }
  return form;
}

function parseBody(body: Buffer): URLSearchParams {
  const form = isUtf8(body) ? parseForm(body.toString()) : undefined;
  if (form === undefined) throw new Refusal(400, "The body is not valid UTF-8.");
  return form;
}

function readBody(req: IncomingMessage, limit: number, onGrowth: (bytes: number) => void): Promise<Buffer> {
  return new Promise((resolve, reject) => {
    const body = new GrowingBuffer(limit, onGrowth);
    // The request lives as long as its response, which may be a stream: nothing of the body may hang on it then.
    const stop = () => req.off("data", onData).off("end", onEnd).off("error", onBreak).off("close", onBreak);
    const refuse = (error: unknown) => {
      stop();
      req.pause();
      reject(error);
    };
    const refuseSize = () => {
      // Without `Connection: close` Node would go on to read all that the client still sends.
      refuse(new Refusal(413, `The body must not exceed ${limit} bytes.`, { Connection: "close" }));
    };
    const onData = (chunk: Buffer) => {
      if (body.length + chunk.length > limit) return refuseSize();
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
      // An error costs much, and every request that was read is closed too.
      if (!req.readableEnded) reject(new Refusal(400, "The request ended early."));
    };
    if (Number(req.headers["content-length"]) > limit) return refuseSize();
    req.on("data", onData).on("end", onEnd).on("error", onBreak).on("close", onBreak);
  });
}
