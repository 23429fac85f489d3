import type { Express, Request } from "express";
import type { Kit } from "htmx-mercure";
import type { DataSource } from "typeorm";
import type { Recorder } from "./dashboard.js";
import type { Directory } from "./directory.js";
import { Message } from "./models/message.js";
import type { Person } from "./models/person.js";
import { readable } from "./readable.js";

const kept = 50;
const year = 365 * 24 * 60 * 60 * 1000;

export interface ChatParts {
  readonly database: DataSource;
  readonly directory: Directory;
  readonly record: Recorder;
}

export function chat(app: Express, { sse, render }: Kit, { database, directory, record }: ChatParts): void {
  const messages = database.getRepository(Message);
  const newest = (count: number) => messages.find({ order: { id: "DESC" }, take: count });

  app.get("/", async (req, res) => {
    res.render("chat.njk", { messages: (await newest(kept)).reverse(), author: rememberedAuthor(req) });
  });

  app.post("/messages", async (req, res) => {
    const { person } = res.locals;
    const given: unknown = req.body?.author;
    const author = person?.name ?? readable(given);
    const text = readable(req.body?.text);
    const byHtmx = req.get("HX-Request") === "true";

    // The form of a signed-in person has no field for a name.
    const signedOut = !person && given === undefined ? "You are signed out. Please reload the page." : undefined;
    const error = signedOut ?? authorProblem(author) ?? textProblem(text) ?? (await impersonation(person, author));
    if (error) {
      res.status(422);
      if (byHtmx) res.component("FormError", { error });
      else res.render("chat.njk", { messages: (await newest(kept)).reverse(), author, text, error });
      return;
    }

    // #region shown
    const [previous] = await newest(1);
    const message = messages.create({ author, text });
    await messages.save(message);

    const html = render("ChatMessage", { message, previous });
    await sse.publish("messages", html);
    // #endregion

    await forgetOld();
    await record(`${author} wrote a message`);
    if (!person) res.cookie("author", author, { httpOnly: true, sameSite: "lax", maxAge: year });
    // htmx gets an empty answer, which also clears the place for an error.
    if (byHtmx) res.send("");
    else res.redirect(303, "/");
  });

  /** A signed-in user writes under their own name. */
  async function impersonation(person: Person | undefined, author: string): Promise<string | undefined> {
    const isTaken = !person && (await directory.holderOf(author)) !== undefined;
    return isTaken ? `Another person is signed in as ${author}. Please choose another name.` : undefined;
  }

  /** Deletes all except the newest messages, in the database and on pages that have been open for long. */
  async function forgetOld(): Promise<void> {
    for (const { id } of await messages.find({ order: { id: "DESC" }, skip: kept })) {
      await messages.delete(id);
      await sse.remove("messages", `message-${id}`);
    }
  }
}

function authorProblem(author: string): string | undefined {
  if (author === "") return "Please enter your name.";
  if (author.length > Message.maxAuthor) return `A name can have at most ${Message.maxAuthor} characters.`;
  return undefined;
}

export function textProblem(text: string): string | undefined {
  if (text === "") return "Please enter a message.";
  if (text.length > Message.maxText) return `A message can have at most ${Message.maxText} characters.`;
  return undefined;
}

/** The name that this visitor used last. */
function rememberedAuthor(req: Request): string {
  const value = /(?:^|; )author=([^;]*)/.exec(req.get("Cookie") ?? "")?.[1] ?? "";
  try {
    return readable(decodeURIComponent(value)).slice(0, Message.maxAuthor);
  } catch {
    return "";
  }
}
