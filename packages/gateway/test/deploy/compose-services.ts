import { readFileSync } from "node:fs";
import { join } from "node:path";
import { ROOT } from "../docs/markdown.ts";
import { parseCompose } from "./compose-file.ts";

/** The parts of a service that the tests look at. */
export interface Service {
  readonly image: string;
  readonly build?: string;
  readonly command?: readonly string[];
  readonly environment?: Readonly<Record<string, string>>;
  readonly ports?: readonly string[];
  readonly volumes?: readonly string[];
  readonly depends_on?: Readonly<Record<string, { readonly condition: string }>>;
  readonly healthcheck?: { readonly test: readonly string[] };
  readonly stop_grace_period?: string;
}

export interface ComposeFile {
  readonly services: Readonly<Record<string, Service>>;
  readonly volumes: Readonly<Record<string, null>>;
}

export const readCompose = (): ComposeFile =>
  parseCompose(readFileSync(join(ROOT, "compose.yaml"), "utf8")) as unknown as ComposeFile;
