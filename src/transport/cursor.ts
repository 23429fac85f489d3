import { createCipheriv, createDecipheriv, randomBytes } from "node:crypto";

/** The first half of each block. An id that decrypts to other bytes was made with another key. */
const magic = Buffer.from("mercure\0", "latin1");

/** The block length of AES, in bytes. */
const blockLength = 16;

/** The number of following positions that are encrypted with one that continues a run. */
const batch = 32;

/** The blocks of a run. A run is encrypted at once, so all ciphers can share them. */
const blocks = Buffer.concat(Array.from({ length: batch }, () => Buffer.concat([magic, Buffer.alloc(8)])));

/** Turns positions into ids and back: `#` and the position, encrypted, in 22 characters of base64url. */
export class CursorCipher {
  // Positions appear in page sources and response headers. Unencrypted, they would reveal to every visitor how much is
  // published, private updates included (Mercure 1.0, section "Reconnection"). AES in ECB mode is right here: each
  // position is one block, and the same position must give the same id.
  readonly #encrypt;
  readonly #decrypt;
  /** The ids of a run of positions, from `#first` on. A run costs hardly more to encrypt than one id. */
  #ids: readonly string[] = [];
  #first = -1;

  /**
   * @param key - 16 bytes, the same for all nodes that share a store. Default: random, so ids from before a restart are
   * unknown.
   */
  constructor(key: Uint8Array = randomBytes(16)) {
    // Without padding each block is encrypted on its own, so one cipher can be used indefinitely.
    this.#encrypt = createCipheriv("aes-128-ecb", key, null).setAutoPadding(false);
    this.#decrypt = createDecipheriv("aes-128-ecb", key, null).setAutoPadding(false);
  }

  encode(position: number): string {
    const index = position - this.#first;
    const known = index >= 0 ? this.#ids[index] : undefined;
    if (known !== undefined) return known;
    // Positions jump with the time. Only a position that follows the last run promises that more will follow.
    const isRun = index === this.#ids.length;
    this.#ids = this.#encodeRun(position, isRun ? batch : 1);
    this.#first = position;
    return this.#ids[0]!;
  }

  #encodeRun(first: number, length: number): string[] {
    for (let index = 0; index < length; index++) {
      const position = first + index;
      // A position has up to 53 bits. Two halves are many times as fast as a BigInt.
      const offset = index * blockLength + magic.length;
      blocks.writeUInt32BE(Math.floor(position / 2 ** 32), offset);
      blocks.writeUInt32BE(position % 2 ** 32, offset + 4);
    }
    const encrypted = this.#encrypt.update(length === batch ? blocks : blocks.subarray(0, length * blockLength));
    const ids: string[] = [];
    for (let start = 0; start < encrypted.length; start += blockLength) {
      ids.push(`#${encrypted.toString("base64url", start, start + blockLength)}`);
    }
    return ids;
  }

  /** Returns the position of an id, or undefined for an id that is not from {@link CursorCipher.encode}. */
  decode(id: string): number | undefined {
    if (!/^#[\w-]{22}$/.test(id)) return undefined;
    const block = this.#decrypt.update(Buffer.from(id.slice(1), "base64url"));
    if (!block.subarray(0, 8).equals(magic)) return undefined;
    return Number(block.readBigUInt64BE(8));
  }
}
