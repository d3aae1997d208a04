import type {
  AddWebhook,
  ChangeWebhook,
  Webhook,
  WebhookDelivery,
  WebhookDeliveryPage,
  WebhookDeliveryState,
  WebhookList,
  WebhookWithSecret,
} from "@mestore/sms-gateway-contract";
import type { Answer } from "./answer.ts";
import type { ApiRequest, CallOptions } from "./transport.ts";

export interface WebhookDeliveryFilter {
  readonly state?: WebhookDeliveryState;
  /** 1 to 200, 50 when absent. */
  readonly limit?: number;
  /** `next` of the page before. */
  readonly cursor?: string;
}

/** Endpoints that the gateway posts its events to. */
export interface WebhookClient {
  /** The answer holds the secret, this once. */
  add(webhook: AddWebhook, options?: CallOptions): Promise<Answer<WebhookWithSecret>>;
  list(options?: CallOptions): Promise<Answer<WebhookList>>;
  change(id: string, change: ChangeWebhook, options?: CallOptions): Promise<Answer<Webhook>>;
  remove(id: string, options?: CallOptions): Promise<Answer<null>>;
  /** Makes another secret; the one before signs too for a day. */
  rotate(id: string, options?: CallOptions): Promise<Answer<WebhookWithSecret>>;
  /** Posts a test at once and tells what became of it. */
  test(id: string, options?: CallOptions): Promise<Answer<WebhookDelivery>>;
  deliveries(id: string, filter?: WebhookDeliveryFilter, options?: CallOptions): Promise<Answer<WebhookDeliveryPage>>;
  replay(deliveryId: string, options?: CallOptions): Promise<Answer<WebhookDelivery>>;
}

/** What the endpoint of a test may take. */
const TEST_WAIT_MS = 15_000;

type Call = <Data>(request: ApiRequest, options?: CallOptions) => Promise<Answer<Data>>;

export function createWebhookClient(call: Call): WebhookClient {
  const webhook = (id: string) => `/v1/webhooks/${encodeURIComponent(id)}`;
  return {
    add: (body, options) => call({ method: "POST", path: "/v1/webhooks", body }, options),
    list: (options) => call({ method: "GET", path: "/v1/webhooks" }, options),
    change: (id, body, options) => call({ method: "PATCH", path: webhook(id), body }, options),
    remove: (id, options) => call({ method: "DELETE", path: webhook(id) }, options),
    rotate: (id, options) => call({ method: "POST", path: `${webhook(id)}/rotate` }, options),
    test: (id, options) => call({ method: "POST", path: `${webhook(id)}/test`, waitMs: TEST_WAIT_MS }, options),
    deliveries: (id, filter = {}, options) =>
      call({ method: "GET", path: `${webhook(id)}/deliveries`, query: { ...filter } }, options),
    replay: (id, options) =>
      call({ method: "POST", path: `/v1/webhooks/deliveries/${encodeURIComponent(id)}/replay` }, options),
  };
}
