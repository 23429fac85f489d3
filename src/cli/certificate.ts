import { readFileSync } from "node:fs";
import type { OptionReader } from "../shared/option-reader.js";
import { UsageError } from "./errors.js";

export interface Certificate {
  readonly cert: Buffer;
  readonly key: Buffer;
}

/** Reads the certificate and key files of `--cert` and `--key`; undefined without these flags. */
export function readCertificate(read: OptionReader): Certificate | undefined {
  const cert = read.string("cert");
  const key = read.string("key");
  if (cert === undefined && key === undefined) return undefined;
  if (cert === undefined || key === undefined) throw new UsageError("Use the flags --cert and --key together.");
  return { cert: readPem("cert", cert), key: readPem("key", key) };
}

function readPem(flag: string, path: string): Buffer {
  try {
    return readFileSync(path);
  } catch (error) {
    throw new UsageError(`The file of --${flag} cannot be read: ${(error as Error).message}.`);
  }
}
