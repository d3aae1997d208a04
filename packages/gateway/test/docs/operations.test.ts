import { execFileSync } from "node:child_process";
import { accessSync, constants, readFileSync } from "node:fs";
import { delimiter, join } from "node:path";
import { LANES, MESSAGE_STATES } from "@mestore/sms-gateway-contract";
import { afterAll, beforeAll, describe, expect, it, vi } from "vitest";
import { ANSWER_KEPT_MS } from "../../src/domain/idempotency.ts";
import { ADDRESS_MS, COUNTER_MS, EVENT_MS, SECRET_TRACE_MS, WEBHOOK_DELIVERY_MS } from "../../src/domain/retention.ts";
import { newPhone } from "../e2e/phones.ts";
import { findFreePort } from "../servers/free-port.ts";
import { freshRedis } from "../servers/fresh.ts";
import { type AlertRule, findSelectors, parseAlertRules } from "./alert-rules.ts";
import { ROOT, readDoc, readFences, readTable } from "./markdown.ts";
import { blocksUnder, COMMAND_HEADINGS, checkCode, createOperatorMachine, sendCode } from "./operator.ts";

const FILE = join(ROOT, "deploy/prometheus/alerts.yaml");
const document = readDoc("docs/operations.md");
const rules = parseAlertRules(readFileSync(FILE, "utf8"));
/** Made by Prometheus itself, and by node_exporter. */
const FOREIGN: readonly string[] = ["up", "node_filesystem_avail_bytes", "node_filesystem_size_bytes"];
/** Added by Prometheus to whatever it reads. */
const FOREIGN_LABELS: readonly string[] = ["job", "instance"];

/** Used where it is; nothing installs it. */
const promtool = (process.env["PATH"] ?? "")
  .split(delimiter)
  .map((folder) => join(folder, "promtool"))
  .find((file) => {
    try {
      accessSync(file, constants.X_OK);
      return true;
    } catch {
      return false;
    }
  });

const withoutMarks = (cell: string | undefined): string => cell?.replaceAll("`", "") ?? "";
const namesOf = (heading: string): readonly string[] =>
  readTable(document, heading).map(([name]) => withoutMarks(name));

describe("the reader of alert rules", () => {
  it("finds metrics, matchers and ranges", () => {
    expect(findSelectors('sum by (a, b) (rate(m_total{a=~"x|y",b!="z"}[5m])) / max(n) > 0.5')).toEqual([
      {
        metric: "m_total",
        matchers: [
          { label: "a", operator: "=~", value: "x|y" },
          { label: "b", operator: "!=", value: "z" },
        ],
        range: "5m",
      },
      { metric: "n", matchers: [], range: undefined },
    ]);
  });

  it.each(["sum(m", "m)", "rate(m)", "max(m[5m])", "m{a=b}", '{a="b"}', "[5m]", "sum m", 'm{a="b"', "m > ?"])(
    "refuses %j",
    (expression) => {
      expect(() => findSelectors(expression)).toThrow();
    },
  );

  it.each(["groups: []\n", "groups:\n  - name: sms-gateway\n    rules:\n      - alert: A\n        expr: m\n"])(
    "refuses the file %j",
    (text) => {
      expect(() => parseAlertRules(text)).toThrow();
    },
  );
});

describe("deploy/prometheus/alerts.yaml", () => {
  const machine = createOperatorMachine();
  /** Names in the exposition, and the labels that each was seen with. */
  const exposed = new Map<string, Set<string>>();
  let routes: readonly string[] = [];

  beforeAll(async () => {
    const port = await findFreePort();
    const { url: redisUrl } = await freshRedis();
    const gateway = await machine.start({ METRICS_PORT: String(port), REDIS_URL: redisUrl });
    const phone = newPhone();
    await checkCode(gateway, await sendCode(gateway, phone));
    // Within the cool-down: a send that a limit refuses.
    await gateway.client.startVerification({ to: phone, channel: "sms" });
    // An error of the carrier, a receipt and a message that nobody asked for.
    await gateway.client.startVerification({ to: "+573005550001", channel: "sms" }, { waitSeconds: 5 });
    for (const path of ["receipts/simulation/msg_1/x", "inbound/simulation"]) {
      await fetch(`${gateway.running.url}/${path}`, { method: "POST" });
    }
    // A webhook that may not go where it leads.
    const webhook = await gateway.client.webhooks.add({ url: "http://localhost:9/" });
    if (webhook.ok) await gateway.client.webhooks.test(webhook.data.id);
    const { paths } = (await (await fetch(`${gateway.running.url}/openapi.json`)).json()) as {
      readonly paths: Readonly<Record<string, unknown>>;
    };
    routes = Object.keys(paths).map((path) => path.replaceAll(/\{(\w+)\}/g, ":$1"));
    const readMetrics = async (): Promise<string> => (await fetch(`http://127.0.0.1:${port}/metrics`)).text();
    // The first sweep begins with the gateway.
    await vi.waitFor(
      async () => expect(await readMetrics()).toContain('gateway_swept_rows_total{kind="events"}'),
      5_000,
    );
    for (const line of (await readMetrics()).split("\n")) {
      const [, name, labels = ""] = /^(\w+)(?:\{(.*)\})? /.exec(line) ?? [];
      if (name === undefined) continue;
      const seen = exposed.get(name) ?? new Set();
      for (const [, label = ""] of labels.matchAll(/(\w+)="/g)) seen.add(label);
      exposed.set(name, seen);
    }
  });
  afterAll(() => machine.remove());

  it("uses only metrics and labels that a running gateway shows", () => {
    for (const { alert, expr } of rules) {
      for (const { metric, matchers } of findSelectors(expr)) {
        if (FOREIGN.includes(metric)) continue;
        expect([...exposed.keys()], alert).toContain(metric);
        for (const { label } of matchers) {
          expect([...FOREIGN_LABELS, ...(exposed.get(metric) ?? [])], `${alert}, ${metric}`).toContain(label);
        }
      }
    }
  });

  it("asks only for values that exist", () => {
    const KNOWN: Readonly<Record<string, () => readonly string[]>> = {
      route: () => routes,
      state: () => MESSAGE_STATES,
      lane: () => LANES,
      method: () => ["GET", "POST", "PUT", "DELETE"],
      status: () => ["200", "202", "404", "429", "500", "503"],
      job: () => ["sms-gateway"],
      fstype: () => ["tmpfs", "overlay", "squashfs"],
    };
    for (const { alert, expr } of rules) {
      for (const { label, operator, value } of findSelectors(expr).flatMap(({ matchers }) => matchers)) {
        const alternatives = operator.endsWith("~") ? value.split("|") : [value.replaceAll(".", "\\.")];
        for (const alternative of alternatives) {
          const pattern = new RegExp(`^(?:${alternative})$`);
          const known = KNOWN[label]?.() ?? [];
          expect(
            known.some((each) => pattern.test(each)),
            `${alert}: ${label} ${alternative}`,
          ).toBe(true);
        }
      }
    }
  });

  it("compares something, and each alert has a name of its own", () => {
    for (const { alert, expr } of rules) expect(expr, alert).toMatch(/[<>]|==/);
    expect(new Set(rules.map(({ alert }: AlertRule) => alert)).size).toBe(rules.length);
  });

  it(
    promtool === undefined ? "is not looked at by promtool: this machine has none" : "passes promtool check rules",
    () => {
      if (promtool === undefined) return;
      expect(String(execFileSync(promtool, ["check", "rules", FILE]))).toContain(`${rules.length} rules found`);
    },
  );

  it("is explained in docs/operations.md, alert by alert", () => {
    expect(namesOf("alert")).toEqual(rules.map(({ alert }) => alert));
  });

  it("stands beside a table of every metric of ours", () => {
    const ours = [...exposed.keys()].filter((name) => name.startsWith("gateway_"));
    const families = new Set(ours.map((name) => name.replace(/_(?:bucket|sum|count)$/, "")));
    expect([...namesOf("metric")].sort()).toEqual([...families].sort());
    for (const [metric, labels] of readTable(document, "metric")) {
      const name = withoutMarks(metric);
      const seen = new Set([...(exposed.get(name) ?? []), ...(exposed.get(`${name}_bucket`) ?? [])]);
      seen.delete("le");
      const shown = withoutMarks(labels)
        .split(", ")
        .filter((label) => label !== "");
      expect(shown.sort(), name).toEqual([...seen].sort());
    }
  });
});

describe("docs/operations.md", () => {
  it("has no command that the tests do not run", () => {
    const all = readFences(document).filter(({ language }) => language === "sh");
    expect(COMMAND_HEADINGS.flatMap((heading) => blocksUnder(heading))).toEqual(all.map(({ text }) => text));
  });

  it("says how long things are kept", () => {
    const shown = readTable(document, "what").flatMap(([, kept = ""]) => {
      const [, count, unit] = /^(\d+) (hour|day)s?$/.exec(kept) ?? [];
      return count === undefined ? [] : [Number(count) * (unit === "day" ? 24 : 1) * 3_600_000];
    });
    expect(shown).toEqual([SECRET_TRACE_MS, ANSWER_KEPT_MS, COUNTER_MS, ADDRESS_MS, EVENT_MS, WEBHOOK_DELIVERY_MS]);
  });

  it("is a page that can be read in one sitting", () => {
    expect(document.trimEnd().split("\n").length).toBeLessThanOrEqual(260);
  });
});
