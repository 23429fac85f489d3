import { randomUUID } from "node:crypto";
import type { Kit } from "htmx-mercure";
import { type DataSource, In, LessThan, Like, type Repository } from "typeorm";
import { PrivateMessage } from "./models/conversation.js";
import { Person } from "./models/person.js";
import type { Unread } from "./unread.js";

const tenMinutes = 10 * 60_000;

/** The signed-in people. Each name belongs to one person at a time. */
export class Directory {
  readonly #kit: Kit;
  readonly #unread: Unread;
  readonly #people: Repository<Person>;
  readonly #messages: Repository<PrivateMessage>;
  readonly #timer: NodeJS.Timeout;
  #pending: Promise<unknown> = Promise.resolve();

  constructor(kit: Kit, database: DataSource, unread: Unread) {
    this.#kit = kit;
    this.#unread = unread;
    this.#people = database.getRepository(Person);
    this.#messages = database.getRepository(PrivateMessage);
    // An open stream sends no requests, so a timer records that its person is still here.
    this.#timer = setInterval(() => {
      this.#pending = this.#recordPresent().catch(console.error);
    }, Person.seenEvery);
  }

  /** The person with this name, until ten minutes after their last stream or request. */
  async holderOf(name: string): Promise<Person | undefined> {
    const person = await this.#people.findOneBy({ key: Person.keyOf(name) });
    return person !== null && this.#holdsName(person) ? person : undefined;
  }

  /** Creates the person with this name. Resolves to undefined if the name belongs to another person. */
  async signIn(name: string): Promise<Person | undefined> {
    if ((await this.holderOf(name)) !== undefined) return undefined;
    const key = Person.keyOf(name);
    // After half a day the cookie has expired, so that person can neither sign out nor read their messages.
    const expired = { createdAt: LessThan(new Date(Date.now() - Person.maxSession)) };
    for (const person of await this.#people.findBy([{ key }, expired])) await this.forget(person);

    const person = this.#people.create({ id: randomUUID(), name, key, seenAt: new Date() });
    // One statement, so that one of two concurrent requests for a name gets it.
    await this.#people.createQueryBuilder().insert().values(person).orIgnore().execute();
    return (await this.#people.existsBy({ id: person.id })) ? person : undefined;
  }

  /** Ends a person's streams and deletes their messages. */
  async forget(person: Person): Promise<void> {
    const partners = await this.partnersOf(person);
    await this.#people.delete(person.id);
    await this.#messages.delete({ conversation: Like(`%${person.id}%`) });
    await this.#kit.sse.disconnect({ subject: person.id });
    for (const partner of partners) await this.#unread.publish(partner);
  }

  /** The people who have written to this person, or have received a message from them. */
  async partnersOf(person: Person): Promise<Person[]> {
    const conversations = await this.#messages
      .createQueryBuilder("message")
      .select("DISTINCT message.conversation", "id")
      .where("message.conversation LIKE :part", { part: `%${person.id}%` })
      .getRawMany<{ id: string }>();
    const ids = conversations.flatMap(({ id }) => id.split("+")).filter((id) => id !== person.id);
    return this.#people.findBy({ id: In(ids) });
  }

  /** The people with an open stream, and the number of guests. */
  // #region shown
  present() {
    const { sse } = this.#kit;
    const everybody = sse.presence("here");
    const people = everybody.flatMap(payloadOf);
    const guests = everybody.length - people.length;
    return { people, guests };
  }
  // #endregion

  /** Stops the timer. Resolves after its last work. */
  async stop(): Promise<void> {
    clearInterval(this.#timer);
    await this.#pending;
  }

  async #recordPresent(): Promise<void> {
    const ids = this.present().people.map(({ id }) => id);
    if (ids.length > 0) await this.#people.update({ id: In(ids) }, { seenAt: new Date() });
  }

  #holdsName({ id, seenAt }: Person): boolean {
    return Date.now() - seenAt.getTime() < tenMinutes || this.present().people.some((person) => person.id === id);
  }
}

/** The payload of a person's token; guests have none. */
function payloadOf({ payload }: { payload: unknown }): Pick<Person, "id" | "name">[] {
  return payload === undefined ? [] : [payload as Person];
}
