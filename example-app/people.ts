import type { Express } from "express";
import type { Kit } from "htmx-mercure";
import { type DataSource, Like } from "typeorm";
import { colour, initials } from "./avatar.js";
import type { Recorder } from "./dashboard.js";
import { Conversation, PrivateMessage } from "./models/conversation.js";
import { Person } from "./models/person.js";
import { readable } from "./readable.js";
import { signIn } from "./session.js";

export function people(app: Express, { sse }: Kit, database: DataSource, record: Recorder): void {
  const repository = database.getRepository(Person);
  const messages = database.getRepository(PrivateMessage);

  app.get("/people", async (_req, res) => {
    res.render("people.njk", await here(res.locals.person));
  });

  // #region shown
  app.get("/people/here", async (_req, res) => {
    const list = await here(res.locals.person);
    res.component("Here", list);
  });

  async function here(viewer?: Person) {
    const everybody = sse.presence("here");
    return listFor(viewer, everybody);
  }
  // #endregion

  async function listFor(viewer: Person | undefined, everybody: readonly { payload: unknown }[]) {
    const known = everybody.flatMap(({ payload }) => (payload === undefined ? [] : [payload as Person]));
    const rows = await Promise.all(known.map((person) => row(person, viewer)));
    rows.sort((a, b) => Number(b.isViewer) - Number(a.isViewer) || a.name.localeCompare(b.name));
    return { people: rows, guests: everybody.length - known.length };
  }

  /** The list's entry for a person. A signed-in viewer also sees the newest line between the two. */
  async function row({ id, name }: Pick<Person, "id" | "name">, viewer: Person | undefined) {
    const isViewer = id === viewer?.id;
    const conversation = viewer && new Conversation(viewer, repository.create({ id })).id;
    const newest = conversation && (await messages.findOne({ where: { conversation }, order: { id: "DESC" } }));
    const href = viewer && !isViewer ? `/people/${id}` : undefined;
    return { name, initials: initials(name), colour: colour(name), isViewer, href, newest };
  }

  app.post("/sign-in", async (req, res) => {
    const name = readable(req.body?.name);
    const error = problem(name) ?? (await attempt());
    if (error === undefined) res.redirect(303, "/people");
    else res.status(422).render("people.njk", { ...(await here()), name, error });

    async function attempt() {
      if (res.locals.person !== undefined) return "You are signed in already.";
      const person = await signIn(req, database, name);
      if (person === undefined) return "Somebody else has this name at the moment.";
      await record(`${name} signed in`);
      return undefined;
    }
  });

  app.post("/sign-out", async (req, res) => {
    const { person } = res.locals;
    req.session = null;
    if (person !== undefined) {
      await repository.delete(person.id);
      await messages.delete({ conversation: Like(`%${person.id}%`) });
      await sse.disconnect({ subject: person.id });
      await record(`${person.name} signed out`);
    }
    res.redirect(303, "/people");
  });
}

function problem(name: string): string | undefined {
  if (name === "") return "Please say who you are first.";
  if (name.length > Person.maxName) return `A name has ${Person.maxName} characters at most.`;
  return undefined;
}
