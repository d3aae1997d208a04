import { isSecret, VARIABLE_NAMES } from "../../src/config/variables.ts";

/** Every name that the gateway reads, `X_FILE` of the secrets with them. */
export const KNOWN_NAMES: readonly string[] = VARIABLE_NAMES.flatMap((name) =>
  isSecret(name) ? [name, `${name}_FILE`] : [name],
);
