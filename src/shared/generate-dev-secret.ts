import { randomBytes } from "node:crypto";
import { developmentSecret } from "./development-secret.js";
import { MercureError } from "./errors.js";
import { minKeyLength } from "./key-length.js";
import type { Logger } from "./logger.js";
import { invalidOption } from "./option-reader.js";
import { isOneOfSeveral } from "./several-processes.js";

/**
 * Returns a secret for development when none is set: the project's stored secret, or else a new one for this start.
 *
 * @throws MercureError `ERR_OPTION` in production; with an external hub, which would have to know the secret; and in one
 * of several processes that have no place for a common secret.
 */
export function generateDevSecret(hubUrl: string | true | undefined, development: boolean, logger: Logger): string {
  if (hubUrl !== undefined) {
    throw invalidOption(
      "secret",
      "is missing: set it, or SECRET_KEY, to the key that the hub at hubUrl uses to verify tokens",
    );
  }
  if (!development) {
    throw new MercureError(
      "ERR_OPTION",
      "Production needs a secret of min 32 random bytes: set SECRET_KEY or the option secret.",
    );
  }
  const kept = developmentSecret();
  if (kept !== undefined) {
    logger.warn(
      `htmx-mercure: no secret is set, so development uses the one in ${kept.path}. Production needs SECRET_KEY.`,
    );
    return kept.secret;
  }
  if (isOneOfSeveral(process.env)) {
    throw invalidOption(
      "secret",
      "is missing. This is one of several processes, which must share it, and this project has no place to store one: set SECRET_KEY",
    );
  }
  logger.warn(
    "htmx-mercure: no secret is set, and this project has no place to store one. Tokens are valid until this process ends. " +
      "Production needs SECRET_KEY.",
  );
  return randomBytes(minKeyLength).toString("hex");
}
