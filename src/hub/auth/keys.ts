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

/** The keys of one issuer, and the bounds of their use. */
export interface TrustedKeys {
  /** The issuer whose tokens the keys verify; undefined for tokens of Mercure 0.x, which can omit their issuer. */
  readonly issuer: string | undefined;
  /** The only algorithms accepted with the keys. The token's header never widens them. */
  readonly algorithms: readonly string[];
  readonly source: KeySource;
}

export interface KeySource {
  /** Changes with the keys; undefined when they must be fetched again. Results of an older version are invalid. */
  readonly version: string | number | undefined;

  /**
   * Resolves to the keys that may have signed a token, the likeliest first.
   *
   * @throws Error when the keys are temporarily unavailable; the token can still be valid.
   */
  keysFor(header: JWSHeaderParameters): Promise<readonly VerificationKey[]>;
}

/** Returns the source of one shared secret or public key. It ignores the `kid` of tokens. */
export function staticKey(key: VerificationKey): KeySource {
  return { version: 0, keysFor: async () => [key] };
}

/**
 * Returns the source of the keys in a JWK Set.
 *
 * @throws Error for an invalid JWK Set.
 */
export function jwkSetKeys(set: JSONWebKeySet): KeySource {
  const find = createLocalJWKSet(set);
  return { version: 0, keysFor: (header) => candidates(find, header) };
}

/**
 * Returns the source of the JWK Set in a file. The file is read again whenever it has changed. While it is missing or
 * broken, all tokens of its issuer are rejected: the old keys may include removed ones.
 *
 * @throws Error for an invalid JWK Set.
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

/** The timeout of one request for a JWK Set, in milliseconds, its body included. */
const fetchTimeout = 5000;
/** The max size of a JWK Set, in bytes. Real ones have a few thousand. */
const maxSetSize = 256 * 1024;
/** The cache time of a JWK Set, in milliseconds. */
const cacheTime = 600_000;
/** The back-off after a failed request, in milliseconds. It keeps clients with tokens from flooding the issuer. */
const failureTime = 5000;

/**
 * Returns the source of the JWK Set at a URL. The set is fetched when first needed and cached for ten minutes. A token
 * that names a missing key triggers an earlier fetch, at most every 30 seconds.
 *
 * Redirects are not followed: the operator trusts this URL, not the hosts it may redirect to.
 *
 * @param request - Replaces `fetch` in tests.
 * @param now - The time in milliseconds since 1970.
 * @param timeout - The timeout of one request, in milliseconds.
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
      // A token with an unknown key triggers a fetch. When it fails, the cached set still serves all other tokens.
      if (find.fresh) return candidates(createLocalJWKSet(find.jwks()!), header);
      throw failed.error;
    },
  };
}

/** Limits the size of answers: a broken or hostile issuer could otherwise fill the hub's memory. */
function bounded(request: FetchImplementation): FetchImplementation {
  return async (...args) => {
    const response = await request(...args);
    if (!response.ok || response.body === null) return response;
    let length = 0;
    const count = new TransformStream<Uint8Array, Uint8Array>({
      transform(chunk, controller) {
        length += chunk.length;
        if (length > maxSetSize) controller.error(new Error("The JWK Set is too large."));
        else controller.enqueue(chunk);
      },
    });
    return new Response(response.body.pipeThrough(count), response);
  };
}

type Find = (header: JWSHeaderParameters, token: FlattenedJWSInput) => Promise<CryptoKey>;

/** Resolves to the keys of a set that fit a token. An unknown `kid` selects all keys of the token's algorithm. */
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
