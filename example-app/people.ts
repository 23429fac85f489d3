import type { Express } from "express";
import type { DataSource } from "typeorm";
import { colour, initials } from "./avatar.js";
import type { Recorder } from "./dashboard.js";
import type { Directory } from "./directory.js";
import { Conversation, PrivateMessage } from "./models/conversation.js";
import { Person } from "./models/person.js";
import { readable } from "./readable.js";
import type { Unread } from "./unread.js";

export interface PeopleParts {
  readonly database: DataSource;
  readonly directory: Directory;
  readonly unread: Unread;
  readonly record: Recorder;
}

export function people(app: Express, { database, directory, unread, record }: PeopleParts): void {
  const messages = database.getRepository(PrivateMessage);

  app.get("/people", async (_req, res) => {
    res.render("people.njk", await page(res.locals.person));
  });

  // #region shown
  app.get("/people/here", async (_req, res) => {
    const people = await list(res.locals.person);
    res.component("Here", { people });
  });

  app.get("/people/count", (_req, res) => {
    const counts = count(res.locals.person);
    res.component("HereCount", counts);
  });
  // #endregion

  async function page(viewer?: Person) {
    return { people: await list(viewer), ...count(viewer) };
  }

  /** The people who are here, and those who have left messages; without the viewer. */
  async function list(viewer?: Person) {
    const { people: present } = directory.present();
    const partners = viewer ? await directory.partnersOf(viewer) : [];
    const away = partners.filter(({ id }) => present.every((person) => person.id !== id));
    const rows = await Promise.all([
      ...present.filter(({ id }) => id !== viewer?.id).map((person) => row(person, viewer, true)),
      ...away.map((person) => row(person, viewer, false)),
    ]);
    return rows.sort((a, b) => a.name.localeCompare(b.name));
  }

  /**
   * Returns a row of the list. A signed-in viewer also sees the newest line between the two, and the number of unread
   * lines.
   */
  async function row({ id, name }: Pick<Person, "id" | "name">, viewer: Person | undefined, isHere: boolean) {
    const shown = { id, name, initials: initials(name), colour: colour(name), isHere };
    if (viewer === undefined) return shown;
    const conversation = new Conversation(viewer, { id });
    const newest = await messages.findOne({ where: { conversation: conversation.id }, order: { id: "DESC" } });
    return { ...shown, href: `/people/${id}`, newest, unread: await unread.count(viewer, conversation) };
  }

  function count(viewer?: Person) {
    const { people, guests } = directory.present();
    const others = people.filter(({ id }) => id !== viewer?.id).length;
    // Guests see themselves in the count from the start, when their stream has not opened yet.
    return { viewer, others, guests: viewer ? guests : Math.max(guests, 1) };
  }

  app.post("/sign-in", async (req, res) => {
    const name = readable(req.body?.name);
    const error = problem(name) ?? (await attempt());
    if (error === undefined) res.redirect(303, "/people");
    else res.status(422).render("people.njk", { ...(await page(res.locals.person)), name, error });

    async function attempt() {
      if (res.locals.person !== undefined) return "You are already signed in.";
      const person = await directory.signIn(name);
      if (person === undefined) return "Another person has this name. Please choose another one.";
      req.session = { person: person.id };
      await record(`${name} signed in`);
      return undefined;
    }
  });

  app.post("/sign-out", async (req, res) => {
    const { person } = res.locals;
    req.session = null;
    if (person !== undefined) {
      await directory.forget(person);
      await record(`${person.name} signed out`);
    }
    res.redirect(303, "/people");
  });
}

function problem(name: string): string | undefined {
  if (name === "") return "Please enter your name.";
  if (name.length > Person.maxName) return `A name can have at most ${Person.maxName} characters.`;
  return undefined;
}
