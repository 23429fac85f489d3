import { isUtf8 } from "node:buffer";
import type { IncomingMessage } from "node:http";
import { parseForm } from "../protocol/form.js";
import { Refusal } from "../protocol/problem.js";
import type { Draft } from "../protocol/update.js";

const formType = "application/x-www-form-urlencoded";

/** Reads the update that a request wants to publish. Mercure 0.x "Publication"; what is unknown is ignored. */
export async function requestedDraft(req: IncomingMessage, limit: number): Promise<Draft> {
  const type = req.headers["content-type"]?.split(";", 1)[0]?.trim().toLowerCase();
  if (type !== formType) throw new Refusal(415, `Send the update as ${formType}.`, { "Accept-Post": formType });
  const form = parsedByExpress(req) ?? parseBody(await readBody(req, limit));
  if (!form.has("topic")) throw new Refusal(400, "The field topic is missing.");
  return draftOf(form);
}

function draftOf(form: URLSearchParams): Draft {
  const id = form.get("id");
  const type = form.get("type");
  const retry = form.get("retry");
  if (retry && !/^[0-9]+$/.test(retry)) throw new Refusal(400, "The field retry must consist of digits.");
  return {
    topics: form.getAll("topic"),
    data: form.get("data") ?? "",
    // The presence of the field counts, whatever its value.
    private: form.has("private"),
    ...(id && { id }),
    ...(type && { type }),
    ...(retry && { retry: Number(retry) }),
  };
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

function readBody(req: IncomingMessage, limit: number): Promise<Buffer> {
  return new Promise((resolve, reject) => {
    const chunks: Buffer[] = [];
    let length = 0;
    const refuseSize = () => {
      req.pause().off("data", onData);
      // Without `Connection: close` Node would go on to read all that the client still sends.
      reject(new Refusal(413, `The body must not exceed ${limit} bytes.`, { Connection: "close" }));
    };
    const onData = (chunk: Buffer) => {
      length += chunk.length;
      if (length > limit) refuseSize();
      else chunks.push(chunk);
    };
    const onBreak = () => reject(new Refusal(400, "The request ended early."));
    if (Number(req.headers["content-length"]) > limit) return refuseSize();
    req
      .on("data", onData)
      .on("end", () => resolve(Buffer.concat(chunks)))
      .on("error", onBreak)
      .on("close", onBreak);
  });
}
