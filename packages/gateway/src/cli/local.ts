import type { Locale } from "@mestore/sms-gateway-contract/errors";
import type { Contacts } from "../services/contacts.ts";
import type { Keys } from "../services/keys.ts";
import type { Examination } from "./doctor/machine.ts";
import type { Printer } from "./output.ts";

export interface Terminal extends Printer {
  /** Asks a person and waits; null when the input has ended. */
  ask(question: string): Promise<string | null>;
}

/** Where the gateway is and what lets one in. */
export interface Connection {
  readonly url: string;
  /** Undefined when none is known; the gateway then says what it wants. */
  readonly key: string | undefined;
  readonly locale: Locale;
}

/** What the command line was told about it; each wins over the configuration. */
export interface GivenConnection {
  readonly url?: string;
  readonly key?: string;
}

export interface TokenClaims {
  readonly sub: string;
  readonly email?: string;
  readonly phone?: string;
  readonly name?: string;
}

export type SignedToken =
  | { readonly kind: "signed"; readonly token: string }
  /** `problem` is a sentence for a person. */
  | { readonly kind: "refused"; readonly problem: string };

export type ReadText =
  | { readonly kind: "read"; readonly text: string }
  | { readonly kind: "refused"; readonly problem: string };

/** What a process does: answer requests, take what is left in the outbox, or both. */
export const ROLES = ["api", "worker", "all"] as const;
export type Role = (typeof ROLES)[number];

/** This machine, as the commands see it. Each function reads the configuration when it is called, and may refuse it. */
export interface Local {
  readonly version: string;
  readonly terminal: Terminal;
  /** Runs the gateway; returns once it listens, and the process goes on. */
  serve(role: Role): Promise<void>;
  /** Brings the schema up to date; returns what people call the database: a path, or a host and a name. */
  migrate(): Promise<string>;
  connection(given: GivenConnection): Connection;
  withKeys<Result>(use: (keys: Keys) => Promise<Result>): Promise<Result>;
  withContacts<Result>(
    use: (contacts: Contacts, allowedCountries: readonly string[]) => Promise<Result>,
  ): Promise<Result>;
  /** Signs what the host application would sign, for development. */
  signToken(claims: TokenClaims, ttlSeconds: number): Promise<SignedToken>;
  readText(path: string): ReadText;
  /** What `doctor` looks at. */
  examine(): Examination;
}
