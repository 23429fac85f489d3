import { createCipheriv, createDecipheriv, randomBytes } from "node:crypto";

/** The first half of each block: what decrypts to anything else was not made with this key. */
const magic = Buffer.from("mercure\0", "latin1");

/** Of AES, in bytes. */
const blockLength = 16;

const batch = 32;

/**
 * Turns positions into ids and back: `#` and the position, encrypted, in 22 characters of base64url.
 *
 * Positions stand in page sources and response headers; in the clear they would tell every visitor how much is
 * published, private updates included (Mercure 1.0, section "Reconnection"). The key lives as long as the object, so
 * ids made by another start of the process are unknown. AES in ECB mode is right here, for a block is encrypted once
 * for each position and the same position shall give the same id.
 */
export class CursorCipher {
  readonly #encrypt;
  readonly #decrypt;
  /** The ids of so many positions from the first one on: together they cost hardly more than one. */
  #ids: readonly string[] = [];
  #first = -1;

  constructor() {
    const key = randomBytes(16);
    // Without padding each block goes in and comes out on its own, so one cipher serves for good.
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

  /** Undefined for what {@link CursorCipher.encode} has not made. */
  decode(id: string): number | undefined {
    if (!/^#[\w-]{22}$/.test(id)) return undefined;
    const block = this.#decrypt.update(Buffer.from(id.slice(1), "base64url"));
    if (!block.subarray(0, 8).equals(magic)) return undefined;
    return Number(block.readBigUInt64BE(8));
  }
}
