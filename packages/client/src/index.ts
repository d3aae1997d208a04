export type { Answer, AnswerError, ClientErrorCode, FailedAnswer } from "./answer.ts";
export {
  type AuthClientOptions,
  type BearerAuthClient,
  type BearerOptions,
  createAuthClient,
  type OpenAuthClient,
  type SendNotification,
} from "./auth-client.ts";
export {
  createGatewayClient,
  type EventFilter,
  type GatewayClient,
  type GatewayClientOptions,
  type InboxClient,
  type InboxFilter,
  type InboxMessage,
  type InboxPage,
  type InboxWait,
  type MagicNumberList,
  type MessageFilter,
  type PauseList,
  type SendOptions,
} from "./gateway-client.ts";
export type { CallOptions, ConnectionOptions, Fetch } from "./transport.ts";
export type { WebhookClient, WebhookDeliveryFilter } from "./webhook-client.ts";
