import type { Answer } from "@mestore/sms-gateway-client";
import {
  type ChangeWebhook,
  WEBHOOK_DELIVERY_STATES,
  type Webhook,
  type WebhookDelivery,
  type WebhookDeliveryState,
  type WebhookWithSecret,
} from "@mestore/sms-gateway-contract";
import { type Command, Option } from "commander";
import {
  type CommandLine,
  type ConnectionOptions,
  connect,
  group,
  wholeNumber,
  withConnection,
  withExamples,
} from "../command-line.ts";
import { refusedAnswer, reportAnswer } from "../failures.ts";
import { facts, shown, table } from "../output.ts";

interface AddOptions extends ConnectionOptions {
  readonly events?: readonly string[];
  readonly description?: string;
}

interface DeliveriesOptions extends ConnectionOptions {
  readonly state?: WebhookDeliveryState;
  readonly limit?: number;
}

const toEvents = (text: string): readonly string[] =>
  text
    .split(",")
    .map((entry) => entry.trim())
    .filter((entry) => entry !== "");

const eventsText = ({ events }: Webhook): string => (events.length === 0 ? "all" : events.join(","));
const stateText = ({ enabled, disabledReason }: Webhook): string =>
  enabled ? "on" : `off (${disabledReason ?? "operator"})`;

const webhookText = (webhook: Webhook): string =>
  facts([
    ["id", webhook.id],
    ["url", webhook.url],
    ["events", eventsText(webhook)],
    ["description", webhook.description === "" ? null : webhook.description],
    ["state", stateText(webhook)],
  ]);

const secretText = ({ secret, ...webhook }: WebhookWithSecret): string =>
  `${facts([["secret", secret]])}\n${webhookText(webhook)}\n\nKeep the secret now: it is not stored and not shown again.`;

const listText = ({ webhooks }: { readonly webhooks: readonly Webhook[] }): string =>
  webhooks.length === 0
    ? "There are no webhooks yet; add one with: sms-gateway webhooks add <url>"
    : table(
        webhooks.map((webhook) => [
          webhook.id,
          webhook.url,
          eventsText(webhook),
          stateText(webhook),
          webhook.lastSuccessAt ?? "",
          webhook.secretIsCurrent ? "" : "rotate it",
        ]),
        ["ID", "URL", "EVENTS", "STATE", "LAST SUCCESS", "SECRET"],
      );

const deliveryRows = (deliveries: readonly WebhookDelivery[]): string =>
  table(
    deliveries.map((delivery) => [
      delivery.id,
      delivery.type,
      delivery.state,
      String(delivery.attempts),
      String(delivery.responseStatus ?? ""),
      delivery.durationMs === null ? "" : `${delivery.durationMs} ms`,
      delivery.error ?? "",
      delivery.nextAttemptAt ?? "",
    ]),
    ["ID", "EVENT", "STATE", "ATTEMPTS", "STATUS", "TOOK", "ERROR", "NEXT ATTEMPT"],
  );

/** `webhooks`: where events are posted to. */
export function addWebhooks(program: Command, line: CommandLine): void {
  const webhooks = withExamples(
    group(program, "webhooks", "post verification and message events to your endpoints"),
    "sms-gateway webhooks add https://shop.example/hooks/sms",
    "sms-gateway webhooks list",
  );
  addEndpointCommands(webhooks, line);
  addSwitches(webhooks, line);
  addLogCommands(webhooks, line);
}

function addEndpointCommands(webhooks: Command, { local, finish }: CommandLine): void {
  withExamples(
    withConnection(
      webhooks
        .command("add <url>")
        .description("register an endpoint; its secret is shown this once")
        .option("--events <list>", "such as verification,message.delivered (default: all)", toEvents)
        .option("--description <text>", "what you will know it by"),
    ).action(async (url: string, options: AddOptions) => {
      const { events, description } = options;
      const connected = connect(local, options);
      const added = await connected.gateway.webhooks.add({
        url,
        ...(events === undefined ? {} : { events: [...events] }),
        ...(description === undefined ? {} : { description }),
      });
      finish(reportAnswer(added, connected.url, secretText), options);
    }),
    "sms-gateway webhooks add https://shop.example/hooks/sms",
    "sms-gateway webhooks add https://shop.example/hooks/sms --events verification.approved,message",
  );

  withExamples(
    withConnection(webhooks.command("list").description("list the endpoints, never their secrets")).action(
      async (options: ConnectionOptions) => {
        const { gateway, url } = connect(local, options);
        finish(reportAnswer(await gateway.webhooks.list(), url, listText), options);
      },
    ),
    "sms-gateway webhooks list",
  );

  withExamples(
    withConnection(webhooks.command("remove <id>").description("remove an endpoint; what waited is not sent")).action(
      async (id: string, options: ConnectionOptions) => {
        const { gateway, url } = connect(local, options);
        const removed = await gateway.webhooks.remove(id);
        finish(removed.ok ? shown({ id, removed: true }, `${id} is removed`) : refusedAnswer(removed, url), options);
      },
    ),
    "sms-gateway webhooks remove whk_01h455vb4pex5vsknk084sn02q",
  );

  withExamples(
    withConnection(
      webhooks.command("rotate <id>").description("make another secret; the one before signs beside it for a day"),
    ).action(async (id: string, options: ConnectionOptions) => {
      const { gateway, url } = connect(local, options);
      finish(reportAnswer(await gateway.webhooks.rotate(id), url, secretText), options);
    }),
    "sms-gateway webhooks rotate whk_01h455vb4pex5vsknk084sn02q",
  );
}

function addSwitches(webhooks: Command, { local, finish }: CommandLine): void {
  const add = (name: "enable" | "disable", description: string, change: ChangeWebhook): void => {
    withExamples(
      withConnection(webhooks.command(`${name} <id>`).description(description)).action(
        async (id: string, options: ConnectionOptions) => {
          const { gateway, url } = connect(local, options);
          finish(reportAnswer(await gateway.webhooks.change(id, change), url, webhookText), options);
        },
      ),
      `sms-gateway webhooks ${name} whk_01h455vb4pex5vsknk084sn02q`,
    );
  };
  add("enable", "post events again, beginning with what happens now", { enabled: true });
  add("disable", "post nothing to an endpoint", { enabled: false });
}

function addLogCommands(webhooks: Command, { local, finish }: CommandLine): void {
  const reportOne = (answer: Answer<WebhookDelivery>, url: string) =>
    answer.ok
      ? shown(answer.data, deliveryRows([answer.data]), answer.data.state !== "failed")
      : refusedAnswer(answer, url);

  withExamples(
    withConnection(
      webhooks.command("test <id>").description("post a test now; ends with 1 when the endpoint does not take it"),
    ).action(async (id: string, options: ConnectionOptions) => {
      const { gateway, url } = connect(local, options);
      finish(reportOne(await gateway.webhooks.test(id), url), options);
    }),
    "sms-gateway webhooks test whk_01h455vb4pex5vsknk084sn02q",
  );

  withExamples(
    withConnection(
      webhooks
        .command("deliveries <id>")
        .description("show the log of an endpoint, newest first")
        .addOption(new Option("--state <state>", "only these").choices([...WEBHOOK_DELIVERY_STATES]))
        .option("--limit <count>", "so many at the most (default: 50)", wholeNumber(1, 200)),
    ).action(async (id: string, options: DeliveriesOptions) => {
      const { state, limit } = options;
      const { gateway, url } = connect(local, options);
      const filter = { ...(state === undefined ? {} : { state }), ...(limit === undefined ? {} : { limit }) };
      const toText = ({ deliveries }: { readonly deliveries: readonly WebhookDelivery[] }): string =>
        deliveries.length === 0 ? "There are no deliveries" : deliveryRows(deliveries);
      finish(reportAnswer(await gateway.webhooks.deliveries(id, filter), url, toText), options);
    }),
    "sms-gateway webhooks deliveries whk_01h455vb4pex5vsknk084sn02q --state failed",
  );

  withExamples(
    withConnection(
      webhooks.command("replay <delivery>").description("send one delivery again, with the same id and body"),
    ).action(async (id: string, options: ConnectionOptions) => {
      const { gateway, url } = connect(local, options);
      finish(reportOne(await gateway.webhooks.replay(id), url), options);
    }),
    "sms-gateway webhooks replay whd_01h455vb4pex5vsknk084sn02q",
  );
}
