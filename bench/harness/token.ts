import { createHmac } from "node:crypto";

export const secret = "0123456789abcdef0123456789abcdef";
export const issuer = "https://issuer.invalid";
export const audience = "https://hub.invalid/.well-known/mercure";

/** The header with a token of Mercure 0.x that can publish everything. */
export const authorization0 = `Authorization: Bearer ${sign("JWT", { mercure: { publish: ["*"] } })}`;

/** The header with a token of Mercure 1.0 that can publish everything. */
export const authorization1 = `Authorization: Bearer ${sign("at+jwt", {
  iss: issuer,
  aud: audience,
  sub: "bench",
  client_id: "bench",
  jti: "bench",
  authorization_details: [
    { type: "https://mercure.rocks/authorization-detail", actions: ["publish"], topics: [{ match: "*" }] },
  ],
})}`;

/** The header of a person who can read the topic `room`, and the list of its streams. */
export const authorizationOfPerson = `Authorization: Bearer ${sign("JWT", {
  mercure: { subscribe: ["room", "/.well-known/mercure/subscriptions/room"], payload: { id: "ada" } },
})}`;

function sign(typ: string, claims: object): string {
  const now = Math.floor(Date.now() / 1000);
  const body = [
    { alg: "HS256", typ },
    { ...claims, iat: now, exp: now + 24 * 3600 },
  ]
    .map((part) => Buffer.from(JSON.stringify(part)).toString("base64url"))
    .join(".");
  return `${body}.${createHmac("sha256", secret).update(body).digest("base64url")}`;
}
