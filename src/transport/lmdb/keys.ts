import { createHash } from "node:crypto";

/** The length of a hash in a key, in bytes. LMDB bounds keys, and topics can exceed that bound. */
const hashLength = 16;

/** The max number of hashes that are remembered. */
const maxHashes = 10_000;

const hashes = new Map<string, Buffer>();

/** Returns the part of a key that stands for a text of any length. */
export function hashOf(text: string): Buffer {
  const known = hashes.get(text);
  if (known !== undefined) return known;
  // UTF-8 has the same bytes for all lone surrogates. UTF-16 keeps them apart.
  const hash = createHash("sha256").update(text, "utf16le").digest().subarray(0, hashLength);
  if (hashes.size >= maxHashes) hashes.clear();
  hashes.set(text, hash);
  return hash;
}

/** Returns a key whose order in bytes is that of the positions. */
export function positionKey(position: number): Buffer {
  return writePosition(Buffer.allocUnsafe(8), position, 0);
}

/** Returns the key of a position below a prefix, so that the keys of a prefix are in the order of their positions. */
export function keyBelow(prefix: Buffer, position: number): Buffer {
  const key = Buffer.allocUnsafe(prefix.length + 8);
  prefix.copy(key);
  return writePosition(key, position, prefix.length);
}

/** Returns the position at the end of a key. */
export function positionIn(key: Buffer): number {
  const offset = key.length - 8;
  return key.readUInt32BE(offset) * 2 ** 32 + key.readUInt32BE(offset + 4);
}

function writePosition(key: Buffer, position: number, offset: number): Buffer {
  key.writeUInt32BE(Math.floor(position / 2 ** 32), offset);
  key.writeUInt32BE(position % 2 ** 32, offset + 4);
  return key;
}
