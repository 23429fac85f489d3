import assert from "node:assert/strict";
import { type IncomingHttpHeaders, request } from "node:http";
import { describe, test } from "node:test";
import { type JWTPayload, SignJWT } from "jose";
import { detailType } from "../../src/protocol/tokens/authorization-details.js";
import { secret } from "../support/application.js";
import { referenceHub, withoutReferenceHub, withoutReferenceHub1 } from "../support/reference-hub.js";
import { startHub } from "./fixture.js";

/** The values that the fixture passes to the reference hub. */
const issuer = "https://issuer.invalid";
const resource = "https://hub.invalid/.well-known/mercure";

const form = { "Content-Type": "application/x-www-form-urlencoded" };
const key = new TextEncoder().encode(secret);

interface Answer {
  readonly status: number;
  readonly headers: IncomingHttpHeaders;
}

interface Exchange {
  readonly name: string;
  /** The part after the hub's URL; a leading `!` starts from the root. */
  readonly to?: string;
  readonly method?: string;
  readonly headers?: Readonly<Record<string, string>>;
  readonly body?: string;
  /** The statuses, ours first, and the reason for the difference. */
  readonly differs?: readonly [ours: number, theirs: number, reason: string];
}

function ask(url: string, { method = "GET", headers = {}, body = "" }: Exchange): Promise<Answer> {
  return new Promise((resolve, reject) => {
    const req = request(url, { method, headers, agent: false }, (res) => {
      resolve({ status: res.statusCode!, headers: res.headers });
      req.destroy();
    });
    req.on("error", reject);
    req.end(body);
  });
}

/** The headers that the specification prescribes for an answer. */
function prescribed(version: 0 | 1, { status, headers }: Answer): Record<string, unknown> {
  const cursor = ["last-event-id", "mercure-last-event-id"].map((name) => headers[name]);
  // The specifications leave the headers of errors to the hub; ours are problem documents.
  if (status >= 400) return { error: version === 1 ? challengeOf(headers) : undefined };
  const isList = /json/.test(headers["content-type"] ?? "");
  return {
    contentType: headers["content-type"],
    cursor,
    isTagged: isList && headers.etag !== undefined,
    // In 0.x the link is our addition, and its target can be relative.
    link:
      version === 1 &&
      String(headers.link)
        .replace(/^<[^>]*>/, "")
        .replace(/last-event-id="[^"]+"/, "last-event-id"),
  };
}

/** The parameters of RFC 6750 and RFC 9728; a realm is optional. */
function challengeOf(headers: IncomingHttpHeaders): Record<string, string> | undefined {
  const challenge = headers["www-authenticate"];
  if (challenge === undefined) return undefined;
  const parameters = [...challenge.matchAll(/(\w+)="([^"]*)"/g)].map(([, name, value]) => [name!, value!] as const);
  return Object.fromEntries(parameters.filter(([name]) => name !== "realm"));
}

const bearer = (token: string) => ({ Authorization: `Bearer ${token}` });

function sign(claims: JWTPayload, typ?: string): Promise<string> {
  return new SignJWT(claims).setProtectedHeader({ alg: "HS256", ...(typ !== undefined && { typ }) }).sign(key);
}

/** A token of the version that grants a topic to publish and to subscribe. */
function token(version: 0 | 1, topic: string, claims: JWTPayload = {}): Promise<string> {
  if (version === 0) return sign({ mercure: { publish: [topic], subscribe: [topic] }, ...claims });
  const detail = { type: detailType, actions: ["publish", "subscribe"], topics: [{ match: topic }] };
  const rest = { iss: issuer, aud: resource, exp: 4_000_000_000 };
  return sign({ authorization_details: [detail], ...rest, ...claims }, "at+jwt");
}

async function exchanges(version: 0 | 1): Promise<Exchange[]> {
  const [all, other] = [bearer(await token(version, "*")), bearer(await token(version, "other"))];
  const expired = bearer(await token(version, "*", { exp: 1 }));
  const [topic, cursor] = version === 0 ? ["topic", "lastEventID"] : ["match", "last_event_id"];
  const first = `?${topic}=a`;
  const list = version === 0 ? "/subscriptions" : "/subscriptions/exact";
  const older = <T>(difference: T) => (version === 0 ? { differs: difference } : {});
  const newer = <T>(difference: T) => (version === 1 ? { differs: difference } : {});
  const forbidden = [
    403,
    401,
    'Mercure 0.x "Authorization": 403 for an operation that the token does not allow',
  ] as const;
  const noJws =
    'Mercure "Authorization": a header of another scheme presents no token, because it is for a proxy before the hub';
  const media = "RFC 9110, section 15.5.16: 415 for a body of another type";
  const head = "RFC 9110, section 9.1: HEAD wherever there is GET";
  const malformed =
    'Mercure 1.0 "Error Responses": 401 for every token that fails validation, whatever is wrong with it';
  const namespace = 'Mercure 1.0 "Reserved Hub Namespace", because the hub speaks both versions';
  const ids = 'Mercure 0.x "Publication": an id must not start with #';
  const publish = (name: string, body: string, more: Partial<Exchange> = {}): Exchange => ({
    name: `publishing ${name}`,
    method: "POST",
    headers: { ...form, ...all },
    body,
    ...more,
  });
  return [
    { name: "subscribing", to: first },
    { name: "HEAD", to: first, method: "HEAD" },
    { name: "subscribing to everything", to: `?${topic}=*` },
    { name: "subscribing with a token", to: first, headers: all },
    { name: "no topic" },
    {
      name: "an empty topic",
      to: `?${topic}=`,
      differs: [400, 200, "no update has an empty topic, so the stream would stay empty"],
    },
    { name: "earliest in the header", to: first, headers: { "Last-Event-ID": "earliest" } },
    { name: "earliest in the query", to: `${first}&${cursor}=earliest` },
    { name: "an unknown id", to: first, headers: { "Last-Event-ID": "urn:x:unknown" } },
    { name: "an expired token", to: first, headers: expired },
    { name: "a malformed token", to: first, headers: bearer("bad"), ...newer([401, 400, malformed] as const) },
    {
      name: "a header without a token",
      to: first,
      headers: { Authorization: "Bearer" },
      ...older([400, 401, "RFC 6750, section 3.1: 400 for a malformed request"] as const),
    },
    {
      name: "a header of another scheme",
      to: first,
      headers: { Authorization: "Basic eDp5" },
      differs: [200, version === 0 ? 401 : 400, noJws],
    },
    {
      name: "a token in the query",
      to: `${first}&authorization=${all.Authorization.slice(7)}`,
      ...newer([
        400,
        200,
        'Mercure 1.0 "Authorization": a token in a URL is not accepted; ignoring it helps no client',
      ] as const),
    },
    { name: "a matcher of an unknown type", to: "?match_regexp=a" },
    { name: "a URI template", to: "?topic=/books/{id}" },
    { name: "a URL pattern", to: "?match_urlpattern=/books/:id" },
    { name: "a malformed URL pattern", to: "?match_urlpattern=(" },
    {
      name: "QUERY",
      method: "QUERY",
      headers: form,
      body: `${topic}=a`,
      ...older([200, 405, "RFC 10008, in addition"] as const),
    },
    {
      name: "QUERY with another type",
      method: "QUERY",
      headers: { "Content-Type": "text/plain" },
      body: "a",
      differs: [415, version === 0 ? 405 : 400, media],
    },
    publish("", "topic=a&data=x"),
    publish("with an id", "topic=a&data=x&id=urn:x:1"),
    publish("without data", "topic=a"),
    publish("to two topics", "topic=a&topic=b&data=x"),
    publish("without a topic", "data=x"),
    publish("without a token", "topic=a", { headers: form }),
    publish("with a malformed token", "topic=a", {
      headers: { ...form, ...bearer("bad") },
      ...newer([401, 400, malformed] as const),
    }),
    publish("to a topic without a grant", "topic=a", { headers: { ...form, ...other }, ...older(forbidden) }),
    publish("with an invalid retry", "topic=a&retry=x"),
    publish("with an id that hubs make", "topic=a&id=%23x", older([400, 200, ids] as const)),
    publish("with an id of two lines", "topic=a&id=a%0ab"),
    publish(
      "with the id earliest",
      "topic=a&id=earliest",
      older([400, 200, 'Mercure 0.x "Reconciliation": reserved'] as const),
    ),
    publish("with the type mercure", "topic=a&type=mercure", older([400, 200, namespace] as const)),
    publish("to *", "topic=*", older([400, 200, 'Mercure 0.x "Topic Selectors": reserved'] as const)),
    publish("to the hub's topics", "topic=/.well-known/mercure/x", older([400, 403, namespace] as const)),
    publish("to them in disguise", "topic=/.well-known/%256dercure/x", older([400, 200, namespace] as const)),
    publish("as another type", "topic=a", {
      headers: { "Content-Type": "text/plain", ...all },
      differs: [415, 400, media],
    }),
    { name: "the list", to: "/subscriptions", headers: all },
    { name: "the list for a topic", to: `${list}/a`, headers: all },
    { name: "the list without a token", to: "/subscriptions" },
    { name: "the list with another's token", to: "/subscriptions", headers: other, ...older(forbidden) },
    { name: "a missing subscription", to: `${list}/a/urn%3Ax`, headers: all },
    { name: "HEAD of the list", to: "/subscriptions", method: "HEAD", headers: all, differs: [200, 405, head] },
    { name: "POST to the list", to: "/subscriptions", method: "POST", headers: all },
    { name: "an unknown method", method: "PUT" },
    { name: "the metadata", to: "!/.well-known/oauth-protected-resource/.well-known/mercure" },
    { name: "a missing path", to: "!/nothing" },
  ];
}

// A stale difference fails too.
for (const [version, skip] of [
  [0, withoutReferenceHub],
  [1, withoutReferenceHub1],
] as const) {
  describe(`beside the reference hub of Mercure ${version === 0 ? "0.x" : "1.0"}`, { skip }, () => {
    test("our hub answers the same, or differs for a reason", async (t) => {
      const theirs = await referenceHub(t, { version });
      const keys = { subscriberKey: secret, publisherKey: secret };
      const identity = version === 1 ? { issuer, resource } : {};
      const { origin } = await startHub(t, { ...keys, ...identity, protocol: version, allowPublish: true });
      const answered = async (hubUrl: string, exchange: Exchange) => {
        const { to = "" } = exchange;
        const url = to.startsWith("!") ? new URL(to.slice(1), hubUrl).href : hubUrl + to;
        return ask(url, exchange);
      };
      for (const exchange of await exchanges(version)) {
        const our = await answered(`${origin}/.well-known/mercure`, exchange);
        const their = await answered(theirs.url, exchange);
        const { differs, name } = exchange;
        assert.deepEqual(
          [name, our.status, their.status],
          [name, differs?.[0] ?? their.status, differs?.[1] ?? their.status],
        );
        if (differs === undefined) assert.deepEqual(prescribed(version, our), prescribed(version, their), name);
      }
    });
  });
}
