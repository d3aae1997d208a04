import type { Channel, FallbackChannel } from "@mestore/sms-gateway-contract";
import type { ErrorDetails, Locale } from "@mestore/sms-gateway-contract/errors";
import { AppError } from "../domain/app-error.ts";
import type { CheckOutcome } from "../domain/check.ts";
import { isCode } from "../domain/code.ts";
import { isFinal, type RejectionCode } from "../domain/delivery.ts";
import { failureWaitMs } from "../domain/failures.ts";
import { callsForFallback } from "../domain/fallback.ts";
import { ID_RANDOM_BYTES, toId } from "../domain/id.ts";
import { toRetryAfterSeconds } from "../domain/limits.ts";
import type { NewMessage, StoredMessage } from "../domain/message.ts";
import type { FreshVerification } from "../domain/start.ts";
import type { Address, Verification, VerificationScope } from "../domain/verification.ts";
import type { Clock } from "../ports/clock.ts";
import type { EventStore, StoredEvent } from "../ports/event-store.ts";
import type { ProofSigner } from "../ports/proof-signer.ts";
import type { Secrets } from "../ports/secrets.ts";
import type {
  AddressState,
  CheckStep,
  StartOutcome,
  StartStep,
  VerificationStore,
} from "../ports/verification-store.ts";
import type { Codes } from "./codes.ts";
import { type Delivery, LEASE_MS } from "./delivery.ts";
import type { Client, Limits } from "./limits.ts";
import type { ReadRecipient, Recipient } from "./recipients.ts";
import type { Router } from "./router.ts";
import type { Switchboard } from "./switchboard.ts";

const SALT_BYTES = 16;

export interface VerificationPolicy {
  readonly codeLength: number;
  readonly codeLifeMs: number;
  readonly maxAttempts: number;
  /** Wrong guesses per address and day. */
  readonly maxFailuresPerDay: number;
}

export interface StartRequest {
  readonly scope: VerificationScope;
  readonly channel: Channel;
  /** As a person typed it. */
  readonly to: string;
  readonly locale: Locale;
  /** Channels of the same number that take over, one after another, from a send that does not arrive. */
  readonly fallback?: readonly FallbackChannel[];
  readonly userName?: string;
  readonly client?: Client;
  /** How long the caller waits for the provider's answer; 0 does not wait. */
  readonly waitMs: number;
  readonly idempotency?: StartStep["idempotency"];
}

export interface StartedVerification {
  readonly verification: Verification;
  /** As far as it got within the wait. */
  readonly message: StoredMessage;
}

export interface CheckRequest {
  readonly target:
    | { readonly tenant: string; readonly id: string }
    | { readonly scope: VerificationScope; readonly channel: Channel; readonly to: string };
  readonly code: string;
}

/** A send of a live verification by its next channel. */
export interface ContinueRequest {
  readonly verification: Verification;
  readonly channel: FallbackChannel;
  readonly rest: readonly FallbackChannel[];
  /** The message that did not arrive. */
  readonly failed: StoredMessage;
}

export interface Verifications {
  /**
   * Sends a code: the live verification's, or a new one's.
   *
   * @throws {AppError} `sms_disabled`, `email_disabled`, `channel_unavailable`, `opted_out`, `cooldown`, `rate_limited`, `too_many_failures`, those of `ReadRecipient`
   */
  start(request: StartRequest): Promise<StartedVerification>;
  /** Sends the same code by the next channel; a limit may refuse it, the cool-down never does. */
  continueWith(request: ContinueRequest): Promise<"started" | "refused" | "unwanted">;
  /**
   * Spends one attempt; returns only when the code was right.
   *
   * @throws {AppError} `code_malformed`, `too_many_failures`, `code_incorrect`, `attempts_exhausted`, `code_expired`,
   *   `no_active_code`, `not_found`
   */
  check(request: CheckRequest): Promise<Verification>;
  /** @throws {AppError} `not_found` */
  cancel(tenant: string, id: string): Promise<Verification>;
  /** @throws {AppError} `not_found` */
  read(tenant: string, id: string): Promise<{ verification: Verification; timeline: readonly StoredEvent[] }>;
  /** What one address stands at in one scope. */
  stateOf(
    scope: VerificationScope,
    channel: Channel,
    to: string,
  ): Promise<AddressState & { readonly address: Address }>;
  /** Signs that an approved verification's address was proved. */
  prove(verification: Verification): Promise<string>;
}

export interface VerificationsOptions {
  readonly store: VerificationStore & EventStore;
  readonly clock: Clock;
  readonly secrets: Secrets;
  readonly codes: Codes;
  readonly limits: Limits;
  readonly delivery: Delivery;
  readonly switchboard: Switchboard;
  readonly signer: ProofSigner;
  readonly policy: VerificationPolicy;
  readonly readRecipient: ReadRecipient;
  readonly router: Router;
}

/** The word that people read for a channel's codes. A phone has one code, however it reaches it. */
const mediumOf = (channel: Channel): string => (channel === "email" ? "email" : "SMS");

const waiting = (retryAfterMs: number): ErrorDetails => ({ retryAfterSeconds: toRetryAfterSeconds(retryAfterMs) });

type NotStarted = Exclude<StartOutcome, { kind: "started" | "unwanted" }>;

const refuseStart = (outcome: NotStarted): AppError => {
  switch (outcome.kind) {
    case "waiting":
      return new AppError("too_many_failures", waiting(outcome.retryAfterMs));
    case "opted_out":
      return new AppError("opted_out");
    case "refused":
      return new AppError(outcome.refusal.code, waiting(outcome.refusal.retryAfterMs));
  }
};

const refuseCheck = (outcome: Exclude<CheckOutcome, { kind: "approved" }>, channel: Channel): AppError => {
  switch (outcome.kind) {
    case "incorrect":
      return new AppError("code_incorrect", { attemptsRemaining: outcome.attemptsRemaining });
    case "exhausted":
      return new AppError("attempts_exhausted", { attemptsRemaining: 0 });
    case "waiting":
      return new AppError("too_many_failures", waiting(outcome.retryAfterMs));
    case "expired":
      return new AppError("code_expired");
    case "none":
      return new AppError("no_active_code", { medium: mediumOf(outcome.channel ?? channel) });
    case "not_found":
      return new AppError("not_found");
  }
};

export function createVerifications(options: VerificationsOptions): Verifications {
  const { store, clock, secrets, codes, limits, delivery, switchboard, signer, policy, readRecipient } = options;
  const newId = (prefix: "ver" | "msg", now: number): string => toId(prefix, now, secrets.randomBytes(ID_RANDOM_BYTES));

  const newMessage = (
    {
      scope,
      channel,
      locale,
      userName = null,
    }: Pick<StartRequest, "scope" | "channel" | "locale"> & {
      readonly userName?: string | null;
    },
    { address, country }: Recipient,
    now: number,
  ): NewMessage => ({
    id: newId("msg", now),
    tenant: scope.tenant,
    lane: "otp",
    channel,
    to: address.value,
    locale,
    country,
    category: "otp",
    template: "otp",
    text: null,
    userName,
    segments: channel === "sms" ? 1 : null,
    provider: options.router.choose({ channel, to: address.value, country }),
    deliverBefore: now + policy.codeLifeMs,
    leaseUntil: now + LEASE_MS,
  });

  const begun = (message: NewMessage, verification: Verification, now: number): StoredMessage => ({
    ...message,
    verificationId: verification.id,
    deliverBefore: verification.expiresAt,
    state: "sending",
    errorCode: null,
    providerMessageId: null,
    attempts: 1,
    tried: [message.provider],
    unknownAttempts: 0,
    createdAt: now,
    updatedAt: now,
  });

  const freshVerification = (locale: Locale, now: number): FreshVerification => ({
    id: newId("ver", now),
    salt: secrets.randomBytes(SALT_BYTES),
    kid: secrets.currentKid,
    codeLength: policy.codeLength,
    maxAttempts: policy.maxAttempts,
    locale,
    expiresAt: now + policy.codeLifeMs,
  });

  /** Whoever guessed wrong too often reads that, and not a limit; a limiter outside the database knows nothing of guesses. */
  const waitFirst = async (outcome: NotStarted, address: Address, now: number): Promise<NotStarted> => {
    if (outcome.kind !== "refused" || limits.backend === "database") return outcome;
    const retryAfterMs = failureWaitMs(await store.readFailures(address, now), policy.maxFailuresPerDay, now);
    return retryAfterMs > 0 ? { kind: "waiting", retryAfterMs } : outcome;
  };

  return {
    start: async (request) => {
      const { scope, channel, locale, fallback = [], waitMs, idempotency } = request;
      const recipient = readRecipient(channel, request.to);
      const { address, country } = recipient;
      switchboard.assertOpen({ channel, lane: "otp", country });
      const now = clock.now();
      const message = newMessage(request, recipient, now);
      const { tenant, subject } = scope;
      const client = request.client === undefined ? {} : { client: request.client };
      const send = { id: message.id, lane: "otp", channel, address, tenant, subject, now, ...client } as const;
      const outcome = await limits.admit(send, (charges) =>
        store.startVerification({
          ...scope,
          address,
          channel,
          fresh: freshVerification(locale, now),
          fallback: address.kind === "phone" ? fallback.filter((each) => each !== channel) : [],
          message,
          charges,
          maxFailuresPerDay: policy.maxFailuresPerDay,
          ...(idempotency === undefined ? {} : { idempotency }),
          now,
        }),
      );
      if (outcome.kind === "unwanted") throw new Error("a start continues nothing");
      if (outcome.kind !== "started") throw refuseStart(await waitFirst(outcome, address, now));
      const { verification } = outcome;
      const sending = begun(message, verification, now);
      delivery.deliver(sending, verification);
      const settled = waitMs > 0 ? await delivery.outcomeOf(message.id, waitMs) : null;
      return { verification, message: settled ?? sending };
    },

    continueWith: async ({ verification, channel, rest, failed }) => {
      const { address, tenant, purpose, subject, locale } = verification;
      const scope = { tenant, purpose, subject };
      const now = clock.now();
      if (!switchboard.isOpen({ channel, lane: "otp", country: failed.country })) return "refused";
      const recipient = { address, country: failed.country };
      const message = newMessage({ scope, channel, locale, userName: failed.userName }, recipient, now);
      const send = { id: message.id, lane: "otp", channel, address, tenant, subject, now, isFallback: true } as const;
      const outcome = await limits.admit(send, (charges) =>
        store.startVerification({
          ...scope,
          address,
          channel,
          fresh: freshVerification(locale, now),
          fallback: rest,
          continues: {
            verificationId: verification.id,
            messageId: failed.id,
            reason: failed.errorCode ?? "delivery_failed",
          },
          message,
          charges,
          maxFailuresPerDay: policy.maxFailuresPerDay,
          now,
        }),
      );
      if (outcome.kind === "unwanted") return "unwanted";
      if (outcome.kind !== "started") return "refused";
      delivery.deliver(begun(message, outcome.verification, now), outcome.verification);
      return "started";
    },

    check: async ({ target, code }) => {
      if (!isCode(code, policy.codeLength)) throw new AppError("code_malformed", { digits: policy.codeLength });
      const isById = "id" in target;
      const storeTarget: CheckStep["target"] = isById
        ? target
        : { ...target.scope, address: readRecipient(target.channel, target.to).address };
      const outcome = await store.checkCode({
        target: storeTarget,
        matches: (verification) => codes.matches(verification, code),
        maxFailuresPerDay: policy.maxFailuresPerDay,
        now: clock.now(),
      });
      if (outcome.kind === "approved") return outcome.verification;
      throw refuseCheck(outcome, isById ? "sms" : target.channel);
    },

    cancel: async (tenant, id) => {
      const verification = await store.cancelVerification(tenant, id, clock.now());
      if (verification === null) throw new AppError("not_found");
      return verification;
    },

    read: async (tenant, id) => {
      const verification = await store.readVerification(tenant, id);
      if (verification === null) throw new AppError("not_found");
      return { verification, timeline: await store.verificationTimeline(tenant, id) };
    },

    stateOf: async (scope, channel, to) => {
      const { address } = readRecipient(channel, to);
      return { ...(await store.readAddressState(scope, address, clock.now())), address };
    },

    prove: (verification) =>
      signer.sign({
        verificationId: verification.id,
        tenant: verification.tenant,
        subject: verification.subject,
        channel: verification.channel,
        address: verification.address.value,
        purpose: verification.purpose,
        issuedAt: clock.now(),
      }),
  };
}

/** When a send that failed so may work again. */
const RETRY_AFTER_SECONDS: Partial<Readonly<Record<RejectionCode, number>>> = {
  delivery_failed: 30,
  carrier_congested: 30,
  rate_limited: 600,
};

/** Tells a start whose message certainly will not arrive, with the error that its caller reads. */
export const sendFailure = ({ message, verification }: StartedVerification): AppError | null => {
  if (!isFinal(message.state) || message.errorCode === null || message.state === "unknown") return null;
  // The next channel takes over: the code is on its way.
  if (verification.fallback.length > 0 && callsForFallback(message)) return null;
  const retryAfterSeconds = RETRY_AFTER_SECONDS[message.errorCode];
  return new AppError(message.errorCode, retryAfterSeconds === undefined ? {} : { retryAfterSeconds });
};
