import type { FallbackChannel, Medium, MessageState } from "@mestore/sms-gateway-contract";
import type { ErrorCode, Locale } from "@mestore/sms-gateway-contract/errors";
import { AppError } from "../domain/app-error.ts";
import type { Contact } from "../domain/contact.ts";
import type { RejectionCode } from "../domain/delivery.ts";
import { failureWaitMs } from "../domain/failures.ts";
import { DEFAULT_PURPOSE, DEFAULT_TENANT, isLive, type VerificationScope } from "../domain/verification.ts";
import type { Clock } from "../ports/clock.ts";
import type { Bearer } from "../ports/host-tokens.ts";
import type { AddressState, StartStep } from "../ports/verification-store.ts";
import type { Contacts } from "./contacts.ts";
import type { Limits } from "./limits.ts";
import type { StartedVerification, Verifications } from "./verifications.ts";

/** Who calls surface A: a signed-in user of the host, or anybody with an address in the body. */
export type Caller =
  | { readonly kind: "bearer"; readonly bearer: Bearer }
  | { readonly kind: "open"; readonly to: string };

/** What the codes of one channel stand at. */
export interface OtpState {
  readonly isActive: boolean;
  readonly expiresAt: number | null;
  readonly canRequestNew: boolean;
  readonly isBlocked: boolean;
  readonly attempts: number;
  /** What became of the last send. */
  readonly lastMessage: { readonly state: MessageState; readonly errorCode: RejectionCode | null } | null;
  /** Approved, which in the open flow is all there is to say. */
  readonly isApproved: boolean;
}

export interface AccountState {
  readonly phoneVerified: boolean;
  readonly emailVerified: boolean;
  readonly otps: Readonly<Record<Medium, OtpState>>;
}

export interface SendRequest {
  readonly caller: Caller;
  readonly channel: Medium;
  readonly locale: Locale;
  /** Where the request came from. */
  readonly clientAddress: string;
  readonly waitMs: number;
  /** A first answer, kept in the commit of the start. */
  readonly idempotency?: {
    readonly key: string;
    readonly answer: (sent: SentCode) => NonNullable<ReturnType<NonNullable<StartStep["idempotency"]>["answer"]>>;
  };
}

export interface SentCode {
  readonly started: Pick<StartedVerification, "verification"> & { readonly message: { readonly state: MessageState } };
  readonly state: AccountState;
}

export interface Accounts {
  /** @throws {AppError} `phone_missing`, `email_missing`, `phone_already_verified`, `email_already_verified`, those of a start */
  send(request: SendRequest): Promise<StartedVerification & { readonly state: AccountState }>;
  /** @throws {AppError} those of a check; `phone_missing`, `email_missing` */
  verify(request: {
    readonly caller: Caller;
    readonly channel: Medium;
    readonly code: string;
  }): Promise<{ readonly state: AccountState; readonly proof: string }>;
  state(bearer: Bearer): Promise<AccountState>;
}

export interface AccountsOptions {
  /** Channels that take over from a code that does not arrive. */
  readonly fallback: readonly FallbackChannel[];
  readonly contacts: Contacts;
  readonly verifications: Verifications;
  readonly limits: Limits;
  readonly clock: Clock;
  readonly maxFailuresPerDay: number;
  /** Whether a number that was just sent to may be sent to again at once. */
  readonly hasCooldown: boolean;
}

const NOTHING_SENT: OtpState = {
  isActive: false,
  expiresAt: null,
  canRequestNew: true,
  isBlocked: false,
  attempts: 0,
  lastMessage: null,
  isApproved: false,
};

const MISSING: Readonly<Record<Medium, ErrorCode>> = { sms: "phone_missing", email: "email_missing" };
const ALREADY: Readonly<Record<Medium, ErrorCode>> = {
  sms: "phone_already_verified",
  email: "email_already_verified",
};

/** Where a caller's codes of one channel go, and whether it was proved before. */
interface Target {
  readonly scope: VerificationScope;
  readonly to: string | null;
  readonly isVerified: boolean;
}

type Targets = Readonly<Record<Medium, Target>> & { readonly name: string | null };

const scopeOf = (subject: string): VerificationScope => ({ tenant: DEFAULT_TENANT, purpose: DEFAULT_PURPOSE, subject });

const contactTargets = ({ sub, phone, email, name, phoneVerifiedAt, emailVerifiedAt }: Contact): Targets => ({
  sms: { scope: scopeOf(sub), to: phone, isVerified: phoneVerifiedAt !== null },
  email: { scope: scopeOf(sub), to: email, isVerified: emailVerifiedAt !== null },
  name,
});

const openTargets = (channel: Medium, to: string): Targets => {
  const nobody: Target = { scope: scopeOf(""), to: null, isVerified: false };
  const target = { ...nobody, to };
  return channel === "sms" ? { sms: target, email: nobody, name: null } : { sms: nobody, email: target, name: null };
};

/** Verification as the MeStore front end knows it: by account, or by the address in the body. */
export function createAccounts(options: AccountsOptions): Accounts {
  const { contacts, verifications, limits, clock, maxFailuresPerDay, hasCooldown } = options;

  const targetsOf = async (caller: Caller, channel: Medium): Promise<Targets> =>
    caller.kind === "open"
      ? openTargets(channel, caller.to)
      : contactTargets(await contacts.ofBearer(DEFAULT_TENANT, caller.bearer));

  const toOtpState = ({ latest, failures, lastMessage }: AddressState, canSendNow: boolean): OtpState => {
    const now = clock.now();
    const isActive = latest !== null && isLive(latest, now);
    const isBlocked = failureWaitMs(failures, maxFailuresPerDay, now) > 0;
    return {
      isActive,
      expiresAt: isActive ? latest.expiresAt : null,
      canRequestNew: canSendNow && !isBlocked,
      isBlocked,
      attempts: isActive ? latest.attempts : 0,
      lastMessage,
      isApproved: latest?.status === "approved",
    };
  };

  const otpState = async (channel: Medium, { scope, to }: Target): Promise<OtpState> => {
    if (to === null) return NOTHING_SENT;
    const { address, ...state } = await verifications.stateOf(scope, channel, to);
    return toOtpState(state, (await limits.nextSendInMs(channel, address)) === 0);
  };

  const stateOf = async (targets: Targets): Promise<AccountState> => {
    const [sms, email] = await Promise.all([otpState("sms", targets.sms), otpState("email", targets.email)]);
    const isOpen = targets.sms.scope.subject === "";
    return {
      phoneVerified: isOpen ? sms.isApproved : targets.sms.isVerified,
      emailVerified: isOpen ? email.isApproved : targets.email.isVerified,
      otps: { sms, email },
    };
  };

  /** The state right after a start, told without reading it again. */
  const afterStart = (before: AccountState, channel: Medium, started: SentCode["started"]): AccountState => {
    const { verification, message } = started;
    const otp: OtpState = {
      ...before.otps[channel],
      isActive: true,
      expiresAt: verification.expiresAt,
      canRequestNew: !hasCooldown,
      attempts: verification.attempts,
      lastMessage: { state: message.state, errorCode: null },
      isApproved: false,
    };
    return { ...before, otps: { ...before.otps, [channel]: otp } };
  };

  return {
    send: async ({ caller, channel, locale, clientAddress, waitMs, idempotency }) => {
      const targets = await targetsOf(caller, channel);
      const { scope, to, isVerified } = targets[channel];
      if (to === null) throw new AppError(MISSING[channel]);
      if (isVerified) throw new AppError(ALREADY[channel]);
      const before = idempotency === undefined ? null : await stateOf(targets);
      const started = await verifications.start({
        scope,
        channel,
        to,
        locale,
        fallback: options.fallback,
        waitMs,
        client: { address: clientAddress, kind: caller.kind },
        ...(targets.name === null ? {} : { userName: targets.name }),
        ...(idempotency === undefined || before === null
          ? {}
          : {
              idempotency: {
                key: idempotency.key,
                answer: ({ verification }) => {
                  const started = { verification, message: { state: "sending" } } as const;
                  return idempotency.answer({ started, state: afterStart(before, channel, started) });
                },
              },
            }),
      });
      return { ...started, state: await stateOf(targets) };
    },

    verify: async ({ caller, channel, code }) => {
      const targets = await targetsOf(caller, channel);
      const { scope, to } = targets[channel];
      if (to === null) throw new AppError(MISSING[channel]);
      const verification = await verifications.check({ target: { scope, channel, to }, code });
      const state = await stateOf(caller.kind === "open" ? targets : await targetsOf(caller, channel));
      return { state, proof: await verifications.prove(verification) };
    },

    state: async (bearer) => stateOf(await targetsOf({ kind: "bearer", bearer }, "sms")),
  };
}
