import { AppError } from "../domain/app-error.ts";
import type { StoredMessage } from "../domain/message.ts";
import { renderEndedVoice, renderOtpVoice, renderTextVoice } from "../domain/templates.ts";
import { isLive } from "../domain/verification.ts";
import type { VoiceScript } from "../domain/voice-script.ts";
import type { Clock } from "../ports/clock.ts";
import type { MessageStore } from "../ports/message-store.ts";
import type { Callback, VendorDocument } from "../ports/provider.ts";
import type { Secrets } from "../ports/secrets.ts";
import type { VerificationStore } from "../ports/verification-store.ts";
import type { Codes } from "./codes.ts";
import type { Router } from "./router.ts";

const MINUTE_MS = 60_000;
const BASE = 36;

/** Where a vendor asks what to say, as its path has it. */
export interface ScriptAddress {
  readonly messageId: string;
  /** Attempt, end of life, tenant and seal. */
  readonly token: string;
}

/** What a vendor asked, with the query that it added: `?` and the rest, or nothing. */
export interface ScriptRequest extends Omit<Callback, "url"> {
  readonly query: string;
}

/** What calls say. The vendor fetches it while the phone is off the hook, so that it never has the code before. */
export interface VoiceScripts {
  /** The address for the running attempt of a call; undefined while `PUBLIC_URL` is not set. */
  addressOf(message: Pick<StoredMessage, "id" | "tenant" | "attempts" | "deliverBefore">): string | undefined;
  /**
   * Says the code while it can be used, and that it has ended after that.
   *
   * @throws {AppError} `not_found` for an address that we never gave out, `credentials_invalid` for a request that is not
   *   the vendor's
   */
  read(address: ScriptAddress, request: ScriptRequest): Promise<VendorDocument>;
}

export interface VoiceScriptsOptions {
  readonly store: Pick<MessageStore, "readMessage"> & Pick<VerificationStore, "readVerification">;
  readonly router: Pick<Router, "find">;
  readonly secrets: Secrets;
  readonly clock: Clock;
  readonly codes: Pick<Codes, "codeOf">;
  readonly brand: string;
  /** Without a slash at its end. */
  readonly publicUrl: string | undefined;
}

interface Claims {
  readonly attempt: number;
  /** Nothing is told at or after this instant. */
  readonly until: number;
  readonly tenant: string;
}

export function createVoiceScripts(options: VoiceScriptsOptions): VoiceScripts {
  const { store, router, secrets, clock, codes, brand, publicUrl } = options;

  const sealed = (messageId: string, claims: string): string => `voice.v1 ${messageId} ${claims}`;

  const pathOf = ({ messageId, token }: ScriptAddress): string => `/voice/${messageId}/${token}`;

  /** Null when we never made it. */
  const claimsOf = ({ messageId, token }: ScriptAddress): Claims | null => {
    const [attempt = "", until = "", tenant = "", seal = "", ...rest] = token.split(".");
    const isOurs = rest.length === 0 && secrets.isSealed(sealed(messageId, `${attempt}.${until}.${tenant}`), seal);
    return isOurs ? { attempt: Number(attempt), until: Number.parseInt(until, BASE), tenant } : null;
  };

  const compose = async (message: StoredMessage, until: number): Promise<VoiceScript> => {
    const { locale, tenant, text, verificationId } = message;
    const now = clock.now();
    const ended = renderEndedVoice({ brand, locale });
    if (now >= until) return ended;
    // The text of a notification is emptied when its message ends.
    if (verificationId === null) return text === null || text === "" ? ended : renderTextVoice({ text, locale });
    const verification = await store.readVerification(tenant, verificationId);
    if (verification === null || !isLive(verification, now)) return ended;
    const code = codes.codeOf(verification);
    const minutes = (verification.expiresAt - now) / MINUTE_MS;
    return code === null ? ended : renderOtpVoice({ brand, code, minutes, locale });
  };

  return {
    addressOf: ({ id: messageId, tenant, attempts, deliverBefore }) => {
      if (publicUrl === undefined) return undefined;
      const claims = `${attempts}.${deliverBefore.toString(BASE)}.${tenant}`;
      const token = `${claims}.${secrets.seal(sealed(messageId, claims))}`;
      return publicUrl + pathOf({ messageId, token });
    },

    read: async (address, { query, ...request }) => {
      const claims = claimsOf(address);
      const message = claims === null ? null : await store.readMessage(claims.tenant, address.messageId);
      if (claims === null || message === null || publicUrl === undefined) throw new AppError("not_found");
      const provider = router.find("voice", message.tried[claims.attempt - 1] ?? "");
      if (provider?.writeScript === undefined) throw new AppError("not_found");
      const url = publicUrl + pathOf(address) + query;
      const document = await provider.writeScript({ ...request, url }, () => compose(message, claims.until));
      if (document === null) throw new AppError("credentials_invalid");
      return document;
    },
  };
}
