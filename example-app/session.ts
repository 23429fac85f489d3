import { createHmac, randomBytes, randomUUID } from "node:crypto";
import cookieSession from "cookie-session";
import type { Application, Request } from "express";
import { type DataSource, LessThan } from "typeorm";
import { PrivateMessage } from "./models/conversation.js";
import { Person } from "./models/person.js";

const halfADay = 12 * 60 * 60 * 1000;

declare global {
  namespace Express {
    interface Locals {
      /** The signed-in person. */
      person: Person | undefined;
      signedIn: boolean;
    }
  }
}

/** Recognises visitors by a signed cookie that scripts cannot read and other sites' forms do not send. */
export function sessions(app: Application, database: DataSource, secret: string | undefined): void {
  // A key of its own, so that a value that was signed for one purpose is invalid for another.
  const key = createHmac("sha256", secret || randomBytes(32))
    .update("session")
    .digest("hex");
  app.use(cookieSession({ name: "session", keys: [key], httpOnly: true, sameSite: "lax", maxAge: halfADay }));
  app.use(async (req, res, next) => {
    const id: unknown = req.session?.person;
    const person = typeof id === "string" ? await database.getRepository(Person).findOneBy({ id }) : null;
    res.locals.person = person ?? undefined;
    res.locals.signedIn = person !== null;
    next();
  });
}

/** The user of a request. */
export function personOf(request: Request | undefined): Person | undefined {
  return request?.res?.locals.person;
}

/** Signs a user in under a name, unless it is taken. */
export async function signIn(req: Request, database: DataSource, name: string): Promise<Person | undefined> {
  const people = database.getRepository(Person);
  // A user whose cookie has expired cannot sign out any more, or read their messages.
  const expired = { createdAt: LessThan(new Date(Date.now() - halfADay)) };
  await people.delete(expired);
  await database.getRepository(PrivateMessage).delete(expired);
  const person = people.create({ id: randomUUID(), name, key: Person.keyOf(name) });
  // One statement, so that one of two concurrent requests for a name gets it.
  const { identifiers } = await people.createQueryBuilder().insert().values(person).orIgnore().execute();
  if (identifiers.length === 0 || !(await people.existsBy({ id: person.id }))) return undefined;
  req.session = { person: person.id };
  return person;
}
