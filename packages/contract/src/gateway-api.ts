/** Surface B: the gateway API under `/v1`, for servers, camelCase. */
import { z } from "zod";
import { Channel, FallbackChannel, Lane, LocaleName, MessageState, VerificationStatus } from "./channels.ts";

export const SCOPES = ["send", "verify", "read", "operate"] as const;
export const Scope = z.enum(SCOPES);
export type Scope = z.output<typeof Scope>;

/** A name that a caller chooses: purpose, subject, template. */
const label = (max: number) => z.string().min(1).max(max);

export const StartVerification = z.strictObject({
  to: z.string(),
  channel: Channel,
  subject: label(255).optional(),
  purpose: z
    .string()
    .regex(/^[a-z0-9_.-]{1,40}$/)
    .optional(),
  locale: LocaleName.optional(),
  fallback: z.array(FallbackChannel).max(2).optional(),
  /** The end user's address as your server sees it; with it the per-client limit applies. */
  clientAddress: z.union([z.ipv4(), z.ipv6()]).optional(),
});
export type StartVerification = z.input<typeof StartVerification>;

export const CheckVerification = z.strictObject({ code: z.string(), proof: z.boolean().optional() });
export type CheckVerification = z.input<typeof CheckVerification>;

const Instant = z.iso.datetime();

export const TimelineEntry = z.object({
  at: Instant,
  type: z.string(),
  messageId: z.string().nullable(),
  data: z.record(z.string(), z.unknown()),
});
export type TimelineEntry = z.output<typeof TimelineEntry>;

export const Verification = z.object({
  id: z.string(),
  status: VerificationStatus,
  to: z.string(),
  channel: Channel,
  purpose: z.string(),
  subject: z.string().nullable(),
  locale: LocaleName,
  sends: z.int(),
  attemptsRemaining: z.int(),
  createdAt: Instant,
  expiresAt: Instant,
  endedAt: Instant.nullable(),
});
export type Verification = z.output<typeof Verification>;

export const StartedVerification = Verification.extend({
  message: z.object({ id: z.string(), state: MessageState }),
});
export type StartedVerification = z.output<typeof StartedVerification>;

export const VerificationWithTimeline = Verification.extend({ timeline: z.array(TimelineEntry) });
export type VerificationWithTimeline = z.output<typeof VerificationWithTimeline>;

export const CheckedVerification = Verification.extend({ proof: z.string().optional() });
export type CheckedVerification = z.output<typeof CheckedVerification>;

export const SendMessage = z.strictObject({
  to: z.string(),
  channel: Channel.default("sms"),
  category: z.enum(["transactional", "security"]),
  template: label(64).optional(),
  text: z.string().min(1).max(1600).optional(),
  variables: z.record(z.string().max(40), z.string().max(200)).optional(),
  locale: LocaleName.optional(),
});
export type SendMessage = z.input<typeof SendMessage>;

export const Message = z.object({
  id: z.string(),
  lane: Lane,
  channel: Channel,
  to: z.string(),
  state: MessageState,
  errorCode: z.string().nullable(),
  template: z.string().nullable(),
  category: z.string(),
  verificationId: z.string().nullable(),
  provider: z.string().nullable(),
  attempts: z.int(),
  segments: z.int().nullable(),
  createdAt: Instant,
  updatedAt: Instant,
});
export type Message = z.output<typeof Message>;

export const MessageWithTimeline = Message.extend({ timeline: z.array(TimelineEntry) });
export type MessageWithTimeline = z.output<typeof MessageWithTimeline>;

/** Query strings arrive as text. */
const limit = z.coerce.number().int().min(1).max(200).default(50);

export const ListMessages = z.strictObject({
  to: z.string().optional(),
  state: MessageState.optional(),
  limit,
  /** `next` of the page before. */
  cursor: z.string().max(64).optional(),
});
export type ListMessages = z.input<typeof ListMessages>;

export const MessagePage = z.object({ messages: z.array(Message), next: z.string().nullable() });
export type MessagePage = z.output<typeof MessagePage>;

/** One window of a number: how many sends it holds and when it opens again. */
const LimitWindow = z.object({
  windowSeconds: z.int(),
  limit: z.int(),
  count: z.int(),
  remaining: z.int(),
  resetAt: Instant.nullable(),
});

export const NumberLimits = z.object({
  phone: z.string(),
  blocked: z.boolean(),
  retryAfterSeconds: z.int(),
  windows: z.array(LimitWindow),
  failedGuesses: z.object({ count: z.int(), limit: z.int(), retryAfterSeconds: z.int() }),
});
export type NumberLimits = z.output<typeof NumberLimits>;

export const PutContact = z.strictObject({
  phone: z.string().nullable().optional(),
  email: z.string().nullable().optional(),
  name: label(120).nullable().optional(),
});
export type PutContact = z.input<typeof PutContact>;

export const Contact = z.object({
  sub: z.string(),
  phone: z.string().nullable(),
  email: z.string().nullable(),
  name: z.string().nullable(),
  phoneVerified: z.boolean(),
  emailVerified: z.boolean(),
  updatedAt: Instant,
});
export type Contact = z.output<typeof Contact>;

export const LintTemplate = z.strictObject({
  text: z.string().min(1).max(1600),
  /** The longest value each variable may take. */
  variables: z.record(z.string().max(40), z.string().max(200)).optional(),
});
export type LintTemplate = z.input<typeof LintTemplate>;

export const TemplateReport = z.object({
  encoding: z.enum(["GSM-7", "UCS-2"]),
  segments: z.int(),
  units: z.int(),
  /** Units that one segment of this encoding holds. */
  unitsPerSegment: z.int(),
  /** Characters outside GSM-7, each once. */
  outsideGsm7: z.array(z.string()),
  /** The same text with those characters replaced where the words allow it, or null when there is nothing to change. */
  suggestion: z.string().nullable(),
  suggestionSegments: z.int().nullable(),
});
export type TemplateReport = z.output<typeof TemplateReport>;

export const ProviderStatus = z.object({
  provider: z.string(),
  channel: Channel,
  breaker: z.enum(["closed", "open", "half_open"]),
  lastSuccessAt: Instant.nullable(),
  lastError: z.string().nullable(),
});

/** A person who wants no messages. */
export const OptOut = z.object({
  phone: z.string(),
  /** `otp`, the category of a notification, or `*` for all. */
  category: z.string(),
  since: Instant,
  /** `inbound` for the person's own message, `operator` for yours. */
  source: z.string(),
});
export type OptOut = z.output<typeof OptOut>;

/** Without a category it speaks of all of them. */
export const ChangeOptOut = z.strictObject({
  category: z
    .string()
    .regex(/^[a-z_]{1,40}$/)
    .optional(),
});
export type ChangeOptOut = z.input<typeof ChangeOptOut>;

export const ListOptOuts = z.strictObject({ phone: z.string().optional(), limit });
export const OptOutList = z.object({ optOuts: z.array(OptOut) });
export type OptOutList = z.output<typeof OptOutList>;

/** Which way a message to an address would take now. */
export const FindRoute = z.strictObject({ to: z.string(), channel: Channel.default("sms") });
export type FindRoute = z.input<typeof FindRoute>;

export const Route = z.object({
  to: z.string(),
  channel: Channel,
  country: z.string().nullable(),
  /** The prefix or the country of the rule that matched; null when none did. */
  match: z.string().nullable(),
  candidates: z.array(
    z.object({
      provider: z.string(),
      breaker: z.enum(["closed", "open", "half_open"]),
      /** Why it cannot reach the address; null when it can. */
      problem: z.string().nullable(),
    }),
  ),
  /** Null when nobody can. */
  chosen: z.string().nullable(),
});
export type Route = z.output<typeof Route>;

export const Pause = z.object({ lane: Lane.nullable(), country: z.string().nullable(), since: Instant });
export type Pause = z.output<typeof Pause>;

/** Without lane or country it speaks of all of them. */
export const ChangePause = z.strictObject({
  lane: Lane.optional(),
  country: z
    .string()
    .regex(/^[A-Z]{2}$/)
    .optional(),
});
export type ChangePause = z.input<typeof ChangePause>;

export const PauseList = z.object({ pauses: z.array(Pause) });

export const GatewayStatus = z.object({
  version: z.string(),
  environment: z.string(),
  simulation: z.boolean(),
  smsEnabled: z.boolean(),
  emailEnabled: z.boolean(),
  store: z.enum(["sqlite", "postgres"]),
  limitBackend: z.enum(["redis", "database"]),
  providers: z.array(ProviderStatus),
  queue: z.object({ depth: z.int(), oldestAgeSeconds: z.number().nullable() }),
  pauses: z.array(Pause),
});
export type GatewayStatus = z.output<typeof GatewayStatus>;

export const GatewayEvent = z.object({
  id: z.int(),
  at: Instant,
  type: z.string(),
  verificationId: z.string().nullable(),
  messageId: z.string().nullable(),
  data: z.record(z.string(), z.unknown()),
});
export type GatewayEvent = z.output<typeof GatewayEvent>;

export const InboxMessage = z.object({
  id: z.string(),
  seq: z.int(),
  messageId: z.string(),
  channel: Channel,
  to: z.string(),
  subject: z.string().nullable(),
  text: z.string(),
  html: z.string().nullable(),
  /** The code inside an OTP, for a copy button and for tests. */
  code: z.string().nullable(),
  state: MessageState,
  /** `sentAt` of the simulated carrier. */
  at: Instant,
  encoding: z.string().nullable(),
  segments: z.int().nullable(),
});
export type InboxMessage = z.output<typeof InboxMessage>;

export const ListInbox = z.strictObject({
  to: z.string().optional(),
  after: z.coerce.number().int().min(0).optional(),
  limit,
});
export const InboxPage = z.object({ messages: z.array(InboxMessage) });

export const MagicNumber = z.object({ number: z.string(), name: z.string(), es: z.string(), en: z.string() });
export const MagicNumberList = z.object({ magicNumbers: z.array(MagicNumber) });

export const WaitInbox = z.strictObject({
  to: z.string(),
  /** Only messages after this `seq`; without it the newest one counts. */
  after: z.coerce.number().int().min(0).optional(),
  /** Seconds, at most 30. */
  timeout: z.coerce.number().min(0).max(30).default(10),
});
