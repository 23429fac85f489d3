import { createHmac } from "node:crypto";
import cookieSession from "cookie-session";
import type { Application, Request } from "express";
import type { DataSource } from "typeorm";
import { Person } from "./models/person.js";

declare global {
  namespace Express {
    interface Locals {
      /** The signed-in person. */
      person: Person | undefined;
      signedIn: boolean;
      /** The topics of every page: the list of people, and the person's own topic. */
      everywhere: (string | Person)[];
    }
  }
}

/** Recognises visitors by a signed cookie that scripts cannot read and other sites' forms do not send. */
export function sessions(app: Application, database: DataSource, secret: string): void {
  const people = database.getRepository(Person);
  // A key of its own, so that a value that was signed for one purpose is invalid for another.
  const key = createHmac("sha256", secret).update("session").digest("hex");
  app.use(cookieSession({ name: "session", keys: [key], httpOnly: true, sameSite: "lax", maxAge: Person.maxSession }));
  app.use(async (req, res, next) => {
    const id: unknown = req.session?.person;
    const person = typeof id === "string" ? await people.findOneBy({ id }) : null;
    res.locals.person = person ?? undefined;
    res.locals.signedIn = person !== null;
    res.locals.everywhere = person === null ? ["here"] : ["here", person];
    const now = new Date();
    if (person !== null && now.getTime() - person.seenAt.getTime() > Person.seenEvery) {
      await people.update(person.id, { seenAt: now });
    }
    next();
  });
}

/** The user of a request. */
export function personOf(request: Request | undefined): Person | undefined {
  return request?.res?.locals.person;
}
