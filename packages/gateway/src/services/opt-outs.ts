import { AppError } from "../domain/app-error.ts";
import { ALL_CATEGORIES, type OptOut, readKeyword } from "../domain/opt-out.ts";
import type { Clock } from "../ports/clock.ts";
import type { OptOutStore } from "../ports/opt-out-store.ts";
import type { Callback, InboundReported } from "../ports/provider.ts";
import type { ReadRecipient } from "./recipients.ts";
import type { Router } from "./router.ts";

/** What became of a message that somebody wrote to us, for a metric. */
export type InboundOutcome = "stopped" | "started" | "nothing" | "forged" | "malformed" | "not_taken";

export interface OptOuts {
  /** @throws {AppError} those of `ReadRecipient` */
  add(phone: string, category: string | null): Promise<OptOut>;
  /** @throws {AppError} `not_found` when the number had asked for nothing */
  remove(phone: string, category: string | null): Promise<void>;
  list(filter: { readonly phone?: string; readonly limit: number }): Promise<readonly OptOut[]>;
  /**
   * Takes a message that a person wrote to one of our senders.
   *
   * @throws {AppError} `not_found` for a provider that takes none, `credentials_invalid`, `json_invalid`
   */
  receive(provider: string, request: Omit<Callback, "url">): Promise<void>;
}

export interface OptOutsOptions {
  readonly store: OptOutStore;
  readonly router: Router;
  readonly readRecipient: ReadRecipient;
  readonly clock: Clock;
  readonly publicUrl: string | undefined;
  readonly onInbound: (inbound: { readonly provider: string; readonly outcome: InboundOutcome }) => void;
}

export function createOptOuts(options: OptOutsOptions): OptOuts {
  const { store, router, readRecipient, clock, publicUrl, onInbound } = options;
  const addressOf = (phone: string): string => readRecipient("sms", phone).address.value;

  const obey = async ({ from, text }: Extract<InboundReported, { kind: "message" }>): Promise<InboundOutcome> => {
    const keyword = readKeyword(text);
    if (keyword === "stop") {
      await store.addOptOut({ address: from, category: ALL_CATEGORIES, since: clock.now(), source: "inbound" });
      return "stopped";
    }
    if (keyword === null) return "nothing";
    await store.removeOptOuts(from, null);
    return "started";
  };

  return {
    add: async (phone, category) => {
      const optOut = {
        ...{ address: addressOf(phone), category: category ?? ALL_CATEGORIES },
        ...{ since: clock.now(), source: "operator" },
      };
      await store.addOptOut(optOut);
      return optOut;
    },
    remove: async (phone, category) => {
      if (!(await store.removeOptOuts(addressOf(phone), category))) throw new AppError("not_found");
    },
    list: ({ phone, limit }) =>
      store.listOptOuts({ limit, ...(phone === undefined ? {} : { address: addressOf(phone) }) }),
    receive: async (id, request) => {
      const provider = router.providers.find((each) => each.id === id);
      if (provider?.readInbound === undefined || publicUrl === undefined) {
        onInbound({ provider: provider?.id ?? "none", outcome: "not_taken" });
        throw new AppError("not_found");
      }
      const reported = await provider.readInbound({ ...request, url: `${publicUrl}/inbound/${id}` });
      const outcome = reported.kind === "message" ? await obey(reported) : reported.kind;
      onInbound({ provider: id, outcome });
      if (outcome === "forged") throw new AppError("credentials_invalid");
      if (outcome === "malformed") {
        throw new AppError("json_invalid", { problem: { es: "no es un mensaje", en: "it is no message" } });
      }
    },
  };
}
