import type { Channel } from "@mestore/sms-gateway-contract";
import type { Price } from "../../domain/delivery.ts";

export interface Problem {
  readonly name: string;
  readonly problem: string;
}

/** Who an SMS comes from. */
export type Sender = { readonly from: readonly string[] } | { readonly messagingServiceSid: string };

/** The settings that checks look at. */
export interface DoctorSettings {
  readonly environment: string;
  readonly isProduction: boolean;
  readonly warnings: readonly Problem[];
  /** Secrets that were given by variable, and how many characters they have. */
  readonly givenSecrets: readonly { readonly name: string; readonly chars: number }[];
  /** What people call the database: a path, or a host and a name. */
  readonly database: string;
  /** Null when SMS are simulated. */
  readonly sender: Sender | null;
  readonly allowedCountries: readonly string[];
  readonly enabled: Readonly<Record<Channel, boolean>>;
  readonly publicUrl: string | undefined;
  /** Addresses and CIDRs. */
  readonly trustProxy: readonly string[];
  readonly corsOrigins: readonly string[];
  readonly brand: string;
  readonly webotpHost: string | undefined;
  readonly codeLength: number;
  readonly codeLifeMinutes: number;
  /** What one SMS segment to the first allowed country costs; null where nobody knows. */
  readonly segmentPrice: Price | null;
}

/** The file that keeps the secrets of a laptop. */
export type SecretsFile =
  | { readonly kind: "unused" }
  | { readonly kind: "absent"; readonly path: string }
  | { readonly kind: "private"; readonly path: string }
  /** Others on this machine can read it; `mode` as `ls` counts, such as `644`. */
  | { readonly kind: "exposed"; readonly path: string; readonly mode: string }
  | { readonly kind: "broken"; readonly path: string; readonly problem: string };

/** What came of trying something: the figure, or a sentence about what went wrong. */
export type Tried<Value> =
  | { readonly kind: "done"; readonly value: Value }
  | { readonly kind: "failed"; readonly problem: string };

/** A vendor's word on an account; null where the channel is simulated. */
export type Account = { readonly ok: boolean; readonly detail: string } | null;

/** The machine that the gateway is to run on, seen by `doctor`. */
export interface Machine {
  readonly settings: DoctorSettings;
  secretsFile(): SecretsFile;
  /** Opens the database and brings its schema up to date. */
  openStore(): Promise<Tried<null>>;
  /** Milliseconds of one durable write beside the database; null where it has a disk of its own. */
  measureFsyncMs(): Tried<number | null>;
  /** Asks the limiter whether it could count; null when the database keeps the counters. */
  askLimiter(): Promise<Tried<null> | null>;
  /** Who serves the database now; null for nobody. */
  servedBy(): string | null;
  account(channel: Channel): Promise<Account>;
  /** Epoch milliseconds. */
  now(): number;
  /** When the database was last written, by this machine's clock; null when there is none. */
  lastWriteAt(): number | null;
}

export type Examination =
  | { readonly kind: "readable"; readonly machine: Machine }
  /** The configuration keeps the gateway from starting. */
  | { readonly kind: "misconfigured"; readonly problems: readonly Problem[] };

export interface Finding {
  /** `fail` does not work, `warn` works worse than it could, `info` is worth knowing. */
  readonly state: "ok" | "info" | "warn" | "fail";
  readonly detail: string;
  /** What to do; absent when there is nothing to do. */
  readonly advice?: string;
}

/** One line of `doctor`. */
export interface Check {
  readonly id: string;
  /** What it looks at. */
  readonly title: string;
  look(machine: Machine): Finding | Promise<Finding>;
}

export const ok = (detail: string): Finding => ({ state: "ok", detail });
export const warn = (detail: string, advice: string): Finding => ({ state: "warn", detail, advice });
export const fail = (detail: string, advice: string): Finding => ({ state: "fail", detail, advice });
