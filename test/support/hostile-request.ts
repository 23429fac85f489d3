import { createHmac } from "node:crypto";
import fc from "fast-check";
import { detailType } from "../../src/protocol/tokens/authorization-details.js";

/** One request, described so that a part of it can be changed and the rest kept. */
export interface HostileRequest {
  readonly method: string;
  readonly path: string;
  /** Names and values to repeat; a numbered value differs at each repetition. */
  readonly fields: readonly Field[];
  readonly inBody: boolean;
  readonly header: { readonly name: string; readonly unit: string; readonly length: number };
  readonly token: Token;
  readonly cursor: string;
}

interface Field {
  readonly name: string;
  readonly unit: readonly string[];
  /** The length of each value, in characters. */
  readonly length: number;
  readonly count: number;
  readonly numbered: boolean;
}

interface Token {
  readonly kind: "none" | "bad" | "subscriber" | "publisher" | "cookies";
  readonly grants: readonly string[];
  readonly count: number;
  /** The max size of the grants, in characters of JSON. */
  readonly size: number;
  /** Present for an access token of Mercure 1.0. */
  readonly details?:
    | {
        readonly matchType: "urlpattern" | "exact";
        /** The number of topics of one authorization detail. */
        readonly topics: number;
        readonly withPayload: boolean;
      }
    | undefined;
}

export const keys = { subscriber: "subscriber-key-subscriber-key-32", publisher: "publisher-key-publisher-key-32-b" };

/** The largest head that Node reads, and the largest body that the hub reads, minus a margin, in bytes. */
const largestHead = 15_500;
const largestBody = { QUERY: 256 * 1024 - 100, POST: 1024 * 1024 - 100 } as Readonly<Record<string, number>>;

const many = [..."abcdefghijklmnopqrstuvwxyzABCDEF"];
const list = (count: number, suffix = "") =>
  many
    .slice(0, count)
    .map((name) => `${name}${suffix}`)
    .join(",");

/** Pieces of text with a meaning to a parser that strangers can reach. */
const pieces = [
  ...["{a}", "{+a}", "{a*}", "{?a*,b*}", "{;a*,b,c*}", "{a:30}", "{+a:9}", "{#a,b}", "{.a*}", `{${list(32)}}`, "{"],
  ...[`{?${list(8)}}`, `{?${list(32, "*")}}`, `{${list(16, "*")}}`, "}", ":a", "*", "(.*)", "(.{1,1000})", "(.{999})"],
  ...[
    "(a|b)",
    "((?:a+)+)",
    "(\\p{L})",
    "([^/]{9})",
    "{a}?",
    "(?:(?:a{9}){9})",
    "/",
    ".",
    "..",
    "a",
    "é",
    "%C3%A9",
    "%",
  ],
  ...[
    "%2e",
    "+",
    "&",
    "=",
    ";",
    ",",
    " ",
    '"',
    "\\",
    "?",
    "#",
    "https://",
    "https://a.",
    "xn--",
    "@",
    "[",
    "]",
    "\u{1f600}",
    "\n",
    "\r\n",
  ],
  ...["/.well-known/mercure/subscriptions/", "%2F", "earliest", "urn:uuid:", "*.", "||", "-", "0", "=="],
];

const unit = fc.array(fc.constantFrom(...pieces), { minLength: 1, maxLength: 4 });
const length = fc.oneof(
  fc.integer({ min: 1, max: 80 }),
  fc.constantFrom(200, 500, 1_000, 2_000, 4_000, 60_000, 1_000_000),
);

/** Names of fields: the first groups make sense together, the others do not. */
const families = [
  ["topic"],
  ["match", "match_urlpattern", "match_exact"],
  ["topic", "data", "id", "type", "private"],
  ["topic", "data"],
  ["topic", "match", "match_urlpattern", "id", "x", "authorization", "lastEventID", ""],
];

const fields: fc.Arbitrary<readonly Field[]> = fc.constantFrom(...families).chain((names) => {
  const field = fc.record({
    name: fc.constantFrom(...names),
    unit,
    length,
    count: fc.oneof(fc.integer({ min: 1, max: 5 }), fc.constantFrom(20, 60, 100, 199, 1_000, 500_000)),
    numbered: fc.boolean(),
  });
  return fc.array(field, { minLength: 1, maxLength: 3 });
});

const parts = {
  method: fc.constantFrom("GET", "GET", "QUERY", "QUERY", "POST", "POST", "HEAD", "OPTIONS"),
  path: fc.oneof(
    { weight: 8, arbitrary: fc.constant("") },
    fc.constantFrom("/subscriptions", "/openapi.json", "/"),
    fc
      .tuple(unit, length)
      .map(([all, size]) => `/subscriptions/${encodeURIComponent(repeat(all, Math.min(size, 2_000)))}`),
    length.map((size) => `/subscriptions${"/a".repeat(Math.min(size, 4_000))}`),
  ),
  fields,
  inBody: fc.boolean(),
  header: fc.record({
    name: fc.constantFrom(
      "Last-Event-ID",
      "Cookie",
      "Origin",
      "Referer",
      "Authorization",
      "If-None-Match",
      "Accept",
      "X",
    ),
    unit: fc
      .array(fc.constantFrom(...pieces, "a=", "; ", "mercureAuthorization=a.b.c; ", 'W/"a", '), {
        minLength: 1,
        maxLength: 3,
      })
      .map((all) => all.join("")),
    length: fc.constantFrom(0, 0, 0, 10, 1_000, 14_000),
  }),
  token: fc.record({
    kind: fc.constantFrom("none" as const, "none", "bad", "subscriber", "publisher", "publisher", "cookies"),
    grants: fc.array(
      fc.oneof(
        fc.constant("*"),
        unit.map((all) => all.join("")),
      ),
      { maxLength: 3 },
    ),
    count: fc.constantFrom(1, 1, 30, 300),
    size: fc.constantFrom(4_000, 9_000),
    details: fc.option(
      fc.record({
        matchType: fc.constantFrom("urlpattern" as const, "urlpattern", "exact"),
        topics: fc.constantFrom(1, 3, 100, 1_000),
        withPayload: fc.boolean(),
      }),
      { nil: undefined },
    ),
  }),
  cursor: fc.constantFrom("", "", "earliest"),
};

export const hostileRequest: fc.Arbitrary<HostileRequest> = fc.record(parts);

const changes = Object.entries(parts).map(([name, part]) => fc.record({ [name]: part as fc.Arbitrary<unknown> }));

/** A request without any special part. */
export const plainRequest: HostileRequest = {
  method: "GET",
  path: "",
  fields: [],
  inBody: false,
  header: { name: "X", unit: "", length: 0 },
  token: { kind: "none", grants: [], count: 1, size: 4_000 },
  cursor: "",
};

/** Returns a request in words, for a table. */
export function inWords(request: HostileRequest, hubPath: string): string {
  const { method, path, fields, header, token, cursor } = request;
  const size = `${(bytesOf(request, hubPath).length / 1000).toFixed(1)} kB`;
  const shown = (text: string) =>
    `\`${(text.length > 40 ? `${text.slice(0, 40)}…` : text).replaceAll(/[`|\r\n]/g, "·")}\``;
  const parts = fields.map(
    ({ name, unit, length, count }) => `${name || "(no name)"} ×${count}: ${shown(repeat(unit, length))}`,
  );
  if (path !== "") parts.unshift(`path ${shown(path)}`);
  if (header.length > 0) parts.push(`${header.name}: ${shown(repeat([header.unit], header.length))}`);
  if (token.kind !== "none") {
    const { details } = token;
    const type = details
      ? `1.0, ${details.matchType} of ${details.topics}${details.withPayload ? ", payloads" : ""}`
      : "0.x";
    parts.push(`token: ${token.kind} ${type}, ${token.count} × ${shown(token.grants.join("  "))}`);
  }
  if (cursor !== "") parts.push(cursor);
  return `${method}, ${size}; ${parts.join("; ")}`;
}

/** A change of one part of a request. */
export const change: fc.Arbitrary<Partial<HostileRequest>> = fc.oneof(...changes);

/**
 * Returns the bytes of a request to a hub.
 *
 * @param salt - Changes the values of fields, so that caches of an earlier request do not help.
 */
export function bytesOf(request: HostileRequest, hubPath: string, salt = ""): Buffer {
  const { method, path, inBody, header, cursor } = request;
  const limit = largestBody[method];
  const hasBody = limit !== undefined && (inBody || method === "POST");
  const authorization = authorizationOf(request, hubPath, salt);
  const headers = [
    "Host: hub.example",
    ...authorization,
    ...(header.length > 0 && !(header.name === "Authorization" && authorization.length > 0)
      ? [`${header.name}: ${headerValue(repeat([header.unit], header.length))}`]
      : []),
  ];
  const room = largestHead - headers.join("\r\n").length - path.length;
  const form = formOf(request, hasBody ? limit : Math.max(0, room - 300), salt);
  const query = [
    ...(hasBody ? [] : [form]),
    ...(cursor === "" ? [] : [`lastEventID=${cursor}`, `last_event_id=${cursor}`].slice(0, 1)),
  ];
  const target = `${hubPath}${path}?${query.filter((each) => each !== "").join("&")}`;
  const body = hasBody ? form : "";
  if (hasBody) headers.push("Content-Type: application/x-www-form-urlencoded", `Content-Length: ${body.length}`);
  return Buffer.from(`${method} ${target} HTTP/1.1\r\n${headers.join("\r\n")}\r\n\r\n${body}`, "latin1");
}

function formOf({ fields }: HostileRequest, limit: number, salt: string): string {
  const pairs: string[] = [];
  let left = limit;
  for (const { name, unit, length, count, numbered } of fields) {
    const value = repeat(unit, length);
    for (let i = 0; i < count; i++) {
      // The reserved wildcard must stay unchanged.
      const suffix = value === "*" ? "" : `${numbered ? i.toString(36) : ""}${salt}`;
      const pair = `${name}=${encodeURIComponent(value)}${suffix}`;
      left -= pair.length + 1;
      if (left < 0) return pairs.join("&");
      pairs.push(pair);
    }
  }
  return pairs.join("&");
}

function authorizationOf({ token }: HostileRequest, hubPath: string, salt: string): string[] {
  const { kind, details } = token;
  if (kind === "none") return [];
  if (kind === "bad") return [`Authorization: Bearer ${"a".repeat(4_000)}.${"b".repeat(4_000)}.c`];
  const key = kind === "publisher" ? keys.publisher : keys.subscriber;
  const claims = details === undefined ? olderClaims(token, salt) : accessClaims(token, details, hubPath, salt);
  const signed = sign(details === undefined ? {} : { typ: "at+jwt" }, claims, key);
  const cookie = details === undefined ? "mercureAuthorization" : "__Secure-mercure_access_token";
  return kind === "cookies" ? [`Cookie: ${cookie}=${signed}`] : [`Authorization: Bearer ${signed}`];
}

function olderClaims(token: Token, salt: string): object {
  const all = grantsOf(token, salt, (grants) => grants);
  return {
    mercure: {
      subscribe: [...all, "/.well-known/mercure/subscriptions"],
      publish: [...all, ...(token.count === 1 ? ["*"] : [])],
    },
  };
}

function accessClaims(token: Token, details: NonNullable<Token["details"]>, hubPath: string, salt: string): object {
  const { matchType, topics, withPayload } = details;
  const claim = (grants: readonly string[]) => {
    const matchers = [...grants, `${hubPath}/subscriptions`].map((match) => ({
      match,
      ...(match.startsWith(hubPath) ? {} : { match_type: matchType }),
    }));
    return Array.from({ length: Math.ceil(matchers.length / topics) }, (_, i) => ({
      type: detailType,
      actions: ["subscribe", "publish"],
      topics: matchers.slice(i * topics, (i + 1) * topics),
      ...(withPayload && { payload: { i } }),
    }));
  };
  const all = grantsOf(token, salt, claim);
  return { iss: "/", aud: hubPath, exp: 4_000_000_000, jti: salt, authorization_details: claim(all) };
}

/** Returns as many grants as fit into a token. */
function grantsOf(
  { grants, count, size }: Token,
  salt: string,
  claim: (grants: readonly string[]) => unknown,
): string[] {
  const suffixed = (each: string, i: number) => (each === "*" ? each : `${each}${count > 1 ? i : ""}${salt}`);
  const all = Array.from({ length: count }, (_, i) => grants.map((each) => suffixed(each, i))).flat();
  while (all.length > 0 && JSON.stringify(claim(all)).length > size) all.length = all.length >> 1;
  return all;
}

function sign(header: object, claims: object, key: string): string {
  const encode = (value: object) => Buffer.from(JSON.stringify(value)).toString("base64url");
  const text = `${encode({ alg: "HS256", ...header })}.${encode(claims)}`;
  return `${text}.${createHmac("sha256", key).update(text).digest("base64url")}`;
}

function repeat(unit: readonly string[], length: number): string {
  const text = unit.join("");
  return text.repeat(Math.max(1, Math.floor(length / text.length)));
}

function headerValue(text: string): string {
  return Buffer.from(text)
    .toString("latin1")
    .replace(/[^\t\x20-\x7e\x80-\xff]/g, "")
    .trim();
}
