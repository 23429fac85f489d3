import { randomUUID } from "node:crypto";
import cookieSession from "cookie-session";
import type { Application, Request } from "express";
import { type DataSource, LessThan } from "typeorm";
import { Person } from "./models/person.js";

const halfADay = 12 * 60 * 60 * 1000;

declare global {
  namespace Express {
    interface Locals {
      /** Who is signed in. */
      person: Person | undefined;
      signedIn: boolean;
    }
  }
}

/** Recognises visitors by a signed cookie that scripts cannot read and other sites' forms do not send. */
export function sessions(app: Application, database: DataSource, secret: string): void {
  app.use(cookieSession({ name: "session", keys: [secret], httpOnly: true, sameSite: "lax", maxAge: halfADay }));
  app.use(async (req, res, next) => {
    const id: unknown = req.session?.person;
    const person = typeof id === "string" ? await database.getRepository(Person).findOneBy({ id }) : null;
    res.locals.person = person ?? undefined;
    res.locals.signedIn = person !== null;
    next();
  });
}

/** Whose a request is. */
export function personOf(request: Request | undefined): Person | undefined {
  return request?.res?.locals.person;
}

/** Signs somebody in under a name, unless somebody else has it. */
export async function signIn(req: Request, database: DataSource, name: string): Promise<Person | undefined> {
  const people = database.getRepository(Person);
  // Their cookies have expired, and with them the way to sign out.
  await people.delete({ createdAt: LessThan(new Date(Date.now() - halfADay)) });
  const person = people.create({ id: randomUUID(), name, key: Person.keyOf(name) });
  // One statement, so that of two who want the same name at once one gets it.
  const { identifiers } = await people.createQueryBuilder().insert().values(person).orIgnore().execute();
  if (identifiers.length === 0 || !(await people.existsBy({ id: person.id }))) return undefined;
  req.session = { person: person.id };
  return person;
}
