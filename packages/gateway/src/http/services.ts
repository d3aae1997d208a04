import type { FallbackChannel } from "@mestore/sms-gateway-contract";
import type { Locale } from "@mestore/sms-gateway-contract/errors";
import type { Clock } from "../ports/clock.ts";
import type { EventStore } from "../ports/event-store.ts";
import type { HostTokens } from "../ports/host-tokens.ts";
import type { ProofSigner } from "../ports/proof-signer.ts";
import type { Store } from "../ports/store.ts";
import type { Accounts } from "../services/accounts.ts";
import type { Contacts } from "../services/contacts.ts";
import type { Idempotency } from "../services/idempotency.ts";
import type { Inbox } from "../services/inbox.ts";
import type { Keys } from "../services/keys.ts";
import type { Limits } from "../services/limits.ts";
import type { Notifications } from "../services/notifications.ts";
import type { OptOuts } from "../services/opt-outs.ts";
import type { Receipts } from "../services/receipts.ts";
import type { ReadRecipient } from "../services/recipients.ts";
import type { Router } from "../services/router.ts";
import type { Status } from "../services/status.ts";
import type { Switchboard } from "../services/switchboard.ts";
import type { Verifications } from "../services/verifications.ts";
import type { VoiceScripts } from "../services/voice-scripts.ts";
import type { Webhooks } from "../services/webhooks.ts";

/** What the HTTP surfaces translate to. */
export interface Services {
  readonly clock: Clock;
  readonly accounts: Accounts;
  readonly verifications: Verifications;
  readonly notifications: Notifications;
  readonly contacts: Contacts;
  readonly limits: Limits;
  readonly keys: Keys;
  readonly idempotency: Idempotency;
  readonly switchboard: Switchboard;
  readonly optOuts: OptOuts;
  readonly receipts: Receipts;
  readonly voiceScripts: VoiceScripts;
  readonly router: Router;
  readonly status: Status;
  readonly events: EventStore;
  readonly webhooks: Webhooks;
  /** In simulation only. */
  readonly inbox: Inbox | null;
  readonly hostTokens: HostTokens;
  readonly signer: ProofSigner;
  readonly readRecipient: ReadRecipient;
  readonly store: Pick<Store, "engine" | "ping">;
}

/** What the surfaces need to know of the configuration. */
export interface SurfaceSettings {
  readonly version: string;
  readonly environment: string;
  readonly defaultLocale: Locale;
  readonly typeBase: string;
  readonly isOpenFlowOn: boolean;
  readonly corsOrigins: readonly string[];
  readonly twilioConfigured: boolean;
  readonly codeLength: number;
  /** Channels that take over from a code that does not arrive, where the caller names none. */
  readonly fallback: readonly FallbackChannel[];
  readonly perNumber: number;
  readonly numberWindowSeconds: number;
  readonly isRateLimitingOn: boolean;
  /** The inbox is reachable from other machines and wants a key. */
  readonly isInboxLocked: boolean;
}
