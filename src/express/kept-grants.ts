/** A grant that a browser has. */
export interface KeptGrant {
  readonly grant: string;
  /** The size of its cookies, including their names. */
  readonly bytes: number;
  /** The issue time of the token, in milliseconds since 1970. */
  readonly issuedAt: number;
}

/** Returns the oldest grants that do not fit into `maxBytes`. */
export function beyond(grants: readonly KeptGrant[], maxBytes: number): KeptGrant[] {
  const byAge = [...grants].sort((a, b) => b.issuedAt - a.issuedAt);
  let left = maxBytes;
  while (byAge[0] !== undefined && byAge[0].bytes <= left) left -= byAge.shift()!.bytes;
  return byAge;
}

/** The bytes of a cookie in a request's header, including the separators. */
export function bytesOf(name: string, value: string): number {
  return name.length + value.length + 3;
}

/** A token's unverified issue time, in milliseconds since 1970; 0 for an invalid token. It only orders evictions. */
export function issuedAt(token: string): number {
  try {
    const { iat } = JSON.parse(Buffer.from(token.split(".")[1] ?? "", "base64url").toString()) as { iat?: unknown };
    return typeof iat === "number" ? Math.round(iat * 1000) : 0;
  } catch {
    return 0;
  }
}
