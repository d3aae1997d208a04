import type { Examination, Finding, Machine } from "./machine.ts";
import { MACHINE_CHECKS } from "./machine-checks.ts";
import { NETWORK_CHECKS } from "./network-checks.ts";
import { PROVIDER_CHECKS } from "./provider-checks.ts";

/** In the order in which trouble should be mended. */
export const CHECKS = [...MACHINE_CHECKS, ...PROVIDER_CHECKS, ...NETWORK_CHECKS];

export interface Line extends Finding {
  readonly id: string;
  readonly title: string;
}

const CONFIGURATION = { id: "configuration", title: "every setting can be used" } as const;

const ofWarnings = ({ settings: { warnings, environment } }: Machine): Line[] =>
  warnings.length === 0
    ? [{ ...CONFIGURATION, state: "ok", detail: environment }]
    : warnings.map(({ name, problem }) => ({
        ...CONFIGURATION,
        state: "warn",
        detail: `${name} ${problem}`,
        advice: `see ${name} in .env.example`,
      }));

/**
 * Looks at everything.
 *
 * @returns a line for each check; with a configuration that cannot be used, a line for each of its problems and no more
 */
export async function runChecks(examination: Examination): Promise<readonly Line[]> {
  if (examination.kind === "misconfigured") {
    return examination.problems.map(({ name, problem }) => ({
      ...CONFIGURATION,
      state: "fail",
      detail: `${name} ${problem}`,
      advice: `correct ${name}, then run doctor again for the other checks`,
    }));
  }
  const { machine } = examination;
  const lines = ofWarnings(machine);
  for (const { id, title, look } of CHECKS) lines.push({ id, title, ...(await look(machine)) });
  return lines;
}
