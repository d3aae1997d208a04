import type { Webhook, WebhookKey } from "../domain/webhook.ts";
import type { Secrets } from "../ports/secrets.ts";

const SALT_BYTES = 16;
const utf8 = new TextEncoder();

/** Secrets of endpoints are derived when they are needed and kept nowhere; the database holds a salt. */
export interface WebhookKeys {
  fresh(): WebhookKey;
  /** `whsec_…` of Standard Webhooks; null when the `OTP_SECRET` it comes from is no longer configured. */
  secretOf(webhookId: string, key: WebhookKey): string | null;
  /** Everything that signs now: the secret, and for a day after a rotation the one before. */
  secretsOf(webhook: Pick<Webhook, "id" | "key" | "previousKey">, now: number): readonly string[];
  isCurrent(key: WebhookKey): boolean;
}

export function createWebhookKeys(secrets: Secrets): WebhookKeys {
  const secretOf: WebhookKeys["secretOf"] = (webhookId, { kid, salt }) => {
    // What codes are derived from begins with a length, so no code and no other endpoint shares this text.
    const mac = secrets.codeMac(kid, utf8.encode(`webhook.v1:${webhookId}:${salt}`));
    return mac === null ? null : `whsec_${btoa(String.fromCharCode(...mac))}`;
  };
  return {
    fresh: () => ({ salt: secrets.randomText(SALT_BYTES), kid: secrets.currentKid }),
    secretOf,
    secretsOf: ({ id, key, previousKey }, now) => {
      const keys = previousKey !== null && now < previousKey.until ? [key, previousKey] : [key];
      return keys.flatMap((each) => secretOf(id, each) ?? []);
    },
    isCurrent: ({ kid }) => kid === secrets.currentKid,
  };
}
