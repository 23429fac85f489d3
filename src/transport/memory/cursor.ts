import { createCipheriv, createDecipheriv, randomBytes } from "node:crypto";

/** The first half of each block. An id that decrypts to other bytes was made with another key. */
const magic = Buffer.from("mercure\0", "latin1");

/** The block length of AES, in bytes. */
const blockLength = 16;

const batch = 32;

/**
 * Turns positions into ids and back: `#` and the position, encrypted, in 22 characters of base64url.
 *
 * Positions appear in page sources and response headers. In the clear they would reveal to every visitor how much is
 * published, private updates included (Mercure 1.0, section "Reconnection"). The key lives as long as the object, so
 * ids from before a restart are unknown. AES in ECB mode is right here: each position is one block, and the same
 * position must give the same id.
 */
export class CursorCipher {
  readonly #encrypt;
  readonly #decrypt;
  /** The ids of a batch of positions, from `#first` on. A batch costs hardly more to encrypt than one id. */
  #ids: readonly string[] = [];
  #first = -1;

  constructor() {
    const key = randomBytes(16);
    // Without padding each block is encrypted on its own, so one cipher can be used indefinitely.
    this.#encrypt = createCipheriv("aes-128-ecb", key, null).setAutoPadding(false);
    this.#decrypt = createDecipheriv("aes-128-ecb", key, null).setAutoPadding(false);
  }

  encode(position: number): string {
    const index = position % batch;
    if (position - index !== this.#first) {
      this.#first = position - index;
      this.#ids = this.#encodeBatch(this.#first);
    }
    return this.#ids[index]!;
  }

  #encodeBatch(first: number): string[] {
    const blocks = Buffer.alloc(batch * blockLength);
    for (let index = 0; index < batch; index++) {
      magic.copy(blocks, index * blockLength);
      blocks.writeBigUInt64BE(BigInt(first + index), index * blockLength + magic.length);
    }
    const encrypted = this.#encrypt.update(blocks);
    return Array.from({ length: batch }, (_, index) => {
      return `#${encrypted.toString("base64url", index * blockLength, (index + 1) * blockLength)}`;
    });
  }

  /** Returns the position of an id, or undefined for an id that {@link CursorCipher.encode} has not made. */
  decode(id: string): number | undefined {
    if (!/^#[\w-]{22}$/.test(id)) return undefined;
    const block = this.#decrypt.update(Buffer.from(id.slice(1), "base64url"));
    if (!block.subarray(0, 8).equals(magic)) return undefined;
    return Number(block.readBigUInt64BE(8));
  }
}
