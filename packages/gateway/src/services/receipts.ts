import { AppError } from "../domain/app-error.ts";
import type { StoredMessage } from "../domain/message.ts";
import type { Clock } from "../ports/clock.ts";
import type { Callback } from "../ports/provider.ts";
import type { Secrets } from "../ports/secrets.ts";
import type { Delivery } from "./delivery.ts";
import type { Router } from "./router.ts";

/** Receipts come within hours; WhatsApp's "read" may take days. */
const LIFE_MS = 7 * 24 * 3_600_000;
const BASE = 36;

/** What became of a receipt, for a metric. */
export type ReceiptOutcome = "moved" | "unmoved" | "nothing" | "forged" | "malformed" | "stale";

/** Where a vendor posts, as its path has it. */
export interface ReceiptAddress {
  readonly provider: string;
  readonly messageId: string;
  /** Attempt, end of life and seal. */
  readonly token: string;
}

export interface Receipts {
  /** The address for the receipts of the running attempt of a message; undefined while `PUBLIC_URL` is not set. */
  addressOf(message: Pick<StoredMessage, "id" | "provider" | "attempts">): string | undefined;
  /**
   * Takes a receipt; returns when what it says is durable. One that says nothing new is taken as well, and changes nothing.
   *
   * @throws {AppError} `not_found` for an address that we never gave out or that is too old, `credentials_invalid` for a
   *   request that is not the vendor's, `json_invalid` for one that is and makes no sense
   */
  receive(address: ReceiptAddress, request: Omit<Callback, "url">): Promise<void>;
}

export interface ReceiptsOptions {
  readonly delivery: Pick<Delivery, "receive">;
  readonly router: Router;
  readonly secrets: Secrets;
  readonly clock: Clock;
  /** Without a slash at its end. */
  readonly publicUrl: string | undefined;
  readonly onReceipt: (receipt: { readonly provider: string; readonly outcome: ReceiptOutcome }) => void;
}

export function createReceipts(options: ReceiptsOptions): Receipts {
  const { delivery, router, secrets, clock, publicUrl, onReceipt } = options;

  const sealed = (provider: string, messageId: string, claims: string): string =>
    `receipt.v1 ${provider} ${messageId} ${claims}`;

  const pathOf = ({ provider, messageId, token }: ReceiptAddress): string =>
    `/receipts/${provider}/${messageId}/${token}`;

  /** The attempt that a token names; null when we never made it, or long ago. */
  const attemptOf = ({ provider, messageId, token }: ReceiptAddress): number | null => {
    const [attempt = "", until = "", seal = ""] = token.split(".");
    if (!secrets.isSealed(sealed(provider, messageId, `${attempt}.${until}`), seal)) return null;
    return Number.parseInt(until, BASE) > clock.now() ? Number(attempt) : null;
  };

  return {
    addressOf: ({ id: messageId, provider, attempts }) => {
      if (publicUrl === undefined) return undefined;
      const claims = `${attempts}.${(clock.now() + LIFE_MS).toString(BASE)}`;
      const token = `${claims}.${secrets.seal(sealed(provider, messageId, claims))}`;
      return publicUrl + pathOf({ provider, messageId, token });
    },

    receive: async (address, request) => {
      const { provider: id, messageId } = address;
      const attempt = attemptOf(address);
      const provider = router.providers.find((each) => each.id === id);
      if (attempt === null || provider?.readReceipt === undefined || publicUrl === undefined) {
        onReceipt({ provider: provider?.id ?? "none", outcome: "stale" });
        throw new AppError("not_found");
      }
      const reported = await provider.readReceipt({ ...request, url: publicUrl + pathOf(address) });
      if (reported.kind === "receipt") {
        const moved = await delivery.receive(messageId, { ...reported.receipt, attempt });
        onReceipt({ provider: id, outcome: moved === null ? "unmoved" : "moved" });
        return;
      }
      onReceipt({ provider: id, outcome: reported.kind });
      if (reported.kind === "forged") throw new AppError("credentials_invalid");
      if (reported.kind === "malformed") {
        const problem = { es: "no es un informe de entrega", en: "it is no delivery receipt" };
        throw new AppError("json_invalid", { problem });
      }
    },
  };
}
