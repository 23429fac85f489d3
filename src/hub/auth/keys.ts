import type { KeyObject } from "node:crypto";
import { readFileSync, statSync } from "node:fs";
import {
  type CryptoKey,
  createLocalJWKSet,
  createRemoteJWKSet,
  customFetch,
  errors,
  type FetchImplementation,
  type FlattenedJWSInput,
  type JSONWebKeySet,
  type JWKSCacheInput,
  type JWSHeaderParameters,
  jwksCache,
} from "jose";

export type VerificationKey = CryptoKey | KeyObject | Uint8Array;

/** The keys of one issuer, and what they may be used for. */
export interface TrustedKeys {
  /** Whose tokens they verify; undefined for tokens of Mercure 0.x, which need not name an issuer. */
  readonly issuer: string | undefined;
  /** The only algorithms that are accepted with them. Never taken from a token. */
  readonly algorithms: readonly string[];
  readonly source: KeySource;
}

export interface KeySource {
  /** Changes with the keys; undefined when they have to be got anew. What an older version has verified is worth nothing. */
  readonly version: string | number | undefined;

  /**
   * The keys that may have signed a token, the likeliest first.
   *
   * @throws Error when the keys cannot be had right now, which says nothing about the token.
   */
  keysFor(header: JWSHeaderParameters): Promise<readonly VerificationKey[]>;
}

/** A shared secret or a public key. What `kid` a token names is no matter: there is only this one. */
export function staticKey(key: VerificationKey): KeySource {
  return { version: 0, keysFor: async () => [key] };
}

/** @throws Error for what is no JWK Set. */
export function jwkSetKeys(set: JSONWebKeySet): KeySource {
  const find = createLocalJWKSet(set);
  return { version: 0, keysFor: (header) => candidates(find, header) };
}

/**
 * The JWK Set in a file, read again whenever the file has changed. While it is missing or broken no token of its issuer
 * is good: going on with the old keys would keep alive those that were taken out.
 *
 * @throws Error for what is no JWK Set.
 */
export function jwkSetFile(path: string): KeySource {
  let read: { version: string; source: KeySource } | undefined;
  const current = () => {
    const { mtimeMs, size, ino } = statSync(path);
    const version = `${mtimeMs} ${size} ${ino}`;
    if (read?.version !== version) {
      read = { version, source: jwkSetKeys(JSON.parse(readFileSync(path, "utf8")) as JSONWebKeySet) };
    }
    return read;
  };
  current();
  return {
    get version() {
      try {
        return current().version;
      } catch {
        return undefined;
      }
    },
    keysFor: async (header) => current().source.keysFor(header),
  };
}

/** How long one request for a JWK Set may take, in milliseconds, its body included. */
const fetchTimeout = 5000;
/** How large a JWK Set may be, in bytes; real ones have a few thousand. */
const largestSet = 256 * 1024;
/** How long a JWK Set is used before it is got anew, in milliseconds. */
const cacheTime = 600_000;
/** How long after a failure nobody asks again, in milliseconds: whoever presents tokens shall not flood the issuer. */
const failureTime = 5000;

/**
 * The JWK Set at a URL: got when first needed, kept for ten minutes, got anew earlier, though at most every 30 seconds,
 * when a token names a key that is not in it.
 *
 * Redirections are not followed: the operator has named this URL, not whatever host it points to.
 *
 * @param request - Stands in for `fetch`, in tests.
 * @param now - The time in milliseconds since 1970.
 * @param timeout - In milliseconds.
 */
export function jwkSetUrl(
  url: URL,
  request: FetchImplementation = fetch,
  now = Date.now,
  timeout = fetchTimeout,
): KeySource {
  const cache: JWKSCacheInput = {};
  const options = { timeoutDuration: timeout, cacheMaxAge: cacheTime, cooldownDuration: 30_000 };
  const find = createRemoteJWKSet(url, { ...options, [jwksCache]: cache, [customFetch]: bounded(request) });
  let failed: { at: number; error: unknown } | undefined;
  return {
    get version() {
      return find.fresh ? cache.uat : undefined;
    },
    async keysFor(header) {
      if (failed === undefined || now() - failed.at >= failureTime) {
        try {
          const keys = await candidates(find, header);
          failed = undefined;
          return keys;
        } catch (error) {
          failed = { at: now(), error };
        }
      }
      // A token that names an unknown key makes the set be got anew; when that fails, it shall not spoil the others.
      if (find.fresh) return candidates(createLocalJWKSet(find.jwks()!), header);
      throw failed.error;
    },
  };
}

/** A broken or hostile issuer could otherwise send until the hub's memory is full. */
function bounded(request: FetchImplementation): FetchImplementation {
  return async (...args) => {
    const response = await request(...args);
    if (!response.ok || response.body === null) return response;
    let length = 0;
    const count = new TransformStream<Uint8Array, Uint8Array>({
      transform(chunk, controller) {
        length += chunk.length;
        if (length > largestSet) controller.error(new Error("The JWK Set is too large."));
        else controller.enqueue(chunk);
      },
    });
    return new Response(response.body.pipeThrough(count), response);
  };
}

type Find = (header: JWSHeaderParameters, token: FlattenedJWSInput) => Promise<CryptoKey>;

/** What a set holds for a token. The `kid` helps to choose; one that nobody knows hides no key. */
async function candidates(find: Find, header: JWSHeaderParameters): Promise<readonly CryptoKey[]> {
  const named = await lookUp(find, header);
  return named.length > 0 || header.kid === undefined ? named : lookUp(find, { alg: header.alg! });
}

async function lookUp(find: Find, { alg, kid }: JWSHeaderParameters): Promise<readonly CryptoKey[]> {
  try {
    return [await find({ alg: alg!, ...(kid !== undefined && { kid }) }, { payload: "", signature: "" })];
  } catch (error) {
    if (error instanceof errors.JWKSNoMatchingKey) return [];
    if (!(error instanceof errors.JWKSMultipleMatchingKeys)) throw error;
    const keys: CryptoKey[] = [];
    for await (const key of error) keys.push(key);
    return keys;
  }
}
