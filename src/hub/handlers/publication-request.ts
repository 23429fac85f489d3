import type { IncomingMessage } from "node:http";
import { HttpProblem } from "../../protocol/problem.js";
import type { Draft } from "../../protocol/update.js";
import { formType, isForm, readForm } from "../http/form-body.js";

/** The fields of a publication. */
const fields = ["topic", "data", "private", "id", "type", "retry", "keep", "key"];

/** The limits of one publish request. */
export interface PublishLimits {
  /** The max size of its body, in bytes. */
  readonly bytes: number;
  /** The max number of topics. Each is matched against every subscribed pattern. */
  readonly topics: number;
  /** The max length of the fields other than `data`, in UTF-16 units. */
  readonly fieldLength: number;
}

/** Reads the update from a publish request. Unknown fields are ignored. Mercure "Publication". */
export async function requestedDraft(req: IncomingMessage, limits: PublishLimits): Promise<Draft> {
  if (!isForm(req)) throw new HttpProblem(415, `Send the update as ${formType}.`, { "Accept-Post": formType });
  const form = await readForm(req, limits.bytes, { isKnown: (name) => fields.includes(name) });
  if (!form.has("topic")) throw new HttpProblem(400, "The field topic is missing.");
  checkSizes(form, limits);
  return draftOf(form);
}

function checkSizes(form: URLSearchParams, { topics, fieldLength }: PublishLimits): void {
  if (form.getAll("topic").length > topics) {
    throw new HttpProblem(413, `An update can have max ${topics} topics.`);
  }
  for (const name of ["topic", "id", "type", "retry", "key"]) {
    if (form.getAll(name).every(({ length }) => length <= fieldLength)) continue;
    throw new HttpProblem(413, `The field ${name} can have max ${fieldLength} characters.`);
  }
}

function draftOf(form: URLSearchParams): Draft {
  const id = form.get("id");
  const type = form.get("type");
  const retry = form.get("retry");
  const keep = form.get("keep");
  const key = form.get("key");
  if (keep && keep !== "true" && keep !== "false") throw new HttpProblem(400, "The field keep must be true or false.");
  if (retry && !/^[0-9]+$/.test(retry)) throw new HttpProblem(400, "The field retry must consist of digits.");
  return {
    topics: form.getAll("topic"),
    data: form.get("data") ?? "",
    // The presence of the field counts; its value is ignored.
    private: form.has("private"),
    ...(id && { id }),
    ...(type && { type }),
    ...(retry && { retry: Number(retry) }),
    ...(keep && { keep: keep === "true" }),
    ...(key && { key }),
  };
}
