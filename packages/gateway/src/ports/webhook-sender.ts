import type { WebhookDelivery, WebhookResult } from "../domain/webhook.ts";

/** One attempt, ready to go out. */
export interface WebhookRequest {
  readonly url: string;
  readonly delivery: Pick<WebhookDelivery, "id" | "type" | "at" | "data">;
  /** `whsec_…`, one or two: each signs. */
  readonly secrets: readonly string[];
  readonly now: number;
}

export interface WebhookSender {
  /** Posts once and never throws; what is not allowed to be reached is an outcome like any other. */
  send(request: WebhookRequest, signal: AbortSignal): Promise<WebhookResult>;
}
