import type { Express, Request } from "express";
import type { Kit } from "htmx-mercure";
import type { DataSource } from "typeorm";
import { textProblem } from "./chat.js";
import { Conversation, PrivateMessage } from "./models/conversation.js";
import { Person } from "./models/person.js";
import { readable } from "./readable.js";
import type { Unread } from "./unread.js";

const shown = 50;

export interface ConversationsParts {
  readonly database: DataSource;
  readonly unread: Unread;
}

interface Two {
  readonly person: Person;
  readonly other: Person;
}

export function conversations(app: Express, { sse, render }: Kit, { database, unread }: ConversationsParts): void {
  const people = database.getRepository(Person);
  const messages = database.getRepository(PrivateMessage);
  const newest = (conversation: string, take: number) =>
    messages.find({ where: { conversation }, order: { id: "DESC" }, take });

  /** The other person, if there are two. */
  const otherOf = async (req: Request<{ person: string }>): Promise<Two | undefined> => {
    const { person } = req.res!.locals;
    const other = await people.findOneBy({ id: req.params.person });
    return person === undefined || other === null || other.id === person.id ? undefined : { person, other };
  };

  app.get("/people/:person", async (req, res, next) => {
    if (!res.locals.signedIn) return res.redirect(303, "/people");
    const two = await otherOf(req);
    if (two === undefined) return next();
    res.render("conversation.njk", await page(two.person, two.other));
  });

  async function page(person: Person, other: Person) {
    const conversation = new Conversation(person, other);
    const messages = (await newest(conversation.id, shown)).reverse();
    await unread.clear(person, conversation);
    return { other, conversation, messages, unread: await unread.count(person) };
  }

  // The page requests this when its stream opens, for messages that came before that.
  app.post("/people/:person/seen", async (req, res, next) => {
    const two = await otherOf(req);
    if (two === undefined) return next();
    await unread.clear(two.person, new Conversation(two.person, two.other));
    res.status(204).end();
  });

  app.post("/people/:person/messages", async (req, res, next) => {
    const two = await otherOf(req);
    if (two === undefined) return next();
    const { person, other } = two;
    const text = readable(req.body?.text);
    const byHtmx = req.get("HX-Request") === "true";
    const error = textProblem(text);
    if (error) {
      res.status(422);
      if (byHtmx) res.component("FormError", { error });
      else res.render("conversation.njk", { ...(await page(person, other)), text, error });
      return;
    }

    // #region shown
    const conversation = new Conversation(person, other);
    const message = await save(conversation, two, text);

    const html = render("ChatMessage", message);
    await sse.publish(conversation, html, { private: true });

    // In an open conversation a message is seen at once.
    const reader = { id: other.id };
    const seen = await sse.isConnected(conversation, reader);
    if (seen) await unread.clear(other, conversation);
    else await unread.publish(other);
    // #endregion
    await unread.publish(person);

    if (byHtmx) res.send("");
    else res.redirect(303, `/people/${other.id}`);
  });

  async function save({ id: conversation }: Conversation, { person, other }: Two, text: string) {
    const [previous] = await newest(conversation, 1);
    const message = messages.create({ conversation, author: person.name, recipient: other.id, text, seen: false });
    return { message: await messages.save(message), previous };
  }
}
