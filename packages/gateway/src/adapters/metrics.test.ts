import { describe, expect, it } from "vitest";
import { createMetrics } from "./metrics.ts";

const sampleOf = (text: string, line: string): number | null => {
  const found = text.split("\n").find((candidate) => candidate.startsWith(`${line} `));
  return found === undefined ? null : Number(found.slice(line.length + 1));
};

describe("the metrics", () => {
  it("count commits and what they held", async () => {
    const metrics = createMetrics();
    for (const steps of [1, 5, 64]) metrics.committed({ steps, durationMs: 2 });
    const text = await metrics.text();
    expect(sampleOf(text, "gateway_commit_steps_count")).toBe(3);
    expect(sampleOf(text, "gateway_commit_steps_sum")).toBe(70);
    expect(sampleOf(text, 'gateway_commit_steps_bucket{le="4"}')).toBe(1);
    expect(sampleOf(text, "gateway_commit_duration_seconds_sum")).toBeCloseTo(0.006);
  });

  it("count messages by state and answers by route", async () => {
    const metrics = createMetrics();
    const message = { lane: "otp", channel: "sms", provider: "twilio", state: "sent" };
    metrics.messageMoved(message);
    metrics.messageMoved(message);
    metrics.answered({ method: "GET", route: "/v1/limits/:phone", status: 200, ms: 3 });
    const text = await metrics.text();
    const labels = 'lane="otp",channel="sms",provider="twilio",state="sent"';
    expect(sampleOf(text, `gateway_messages_total{${labels}}`)).toBe(2);
    const route = 'method="GET",route="/v1/limits/:phone",status="200"';
    expect(sampleOf(text, `gateway_http_request_duration_seconds_count{${route}}`)).toBe(1);
  });

  it("read the queue and the breakers when they are asked", async () => {
    const metrics = createMetrics();
    let depth = 3;
    let oldestAgeMs: number | null = 1_500;
    metrics.observe({
      isStoreUp: async () => true,
      isLimiterUp: async () => false,
      queue: async () => ({ depth, oldestAgeMs }),
      breakers: () => [
        { provider: "twilio", channel: "sms", breaker: "open" },
        { provider: "smtp", channel: "email", breaker: "closed" },
      ],
    });
    const before = await metrics.text();
    expect(sampleOf(before, "gateway_queue_depth")).toBe(3);
    expect(sampleOf(before, "gateway_store_up")).toBe(1);
    expect(sampleOf(before, "gateway_limiter_up")).toBe(0);
    expect(sampleOf(before, "gateway_queue_oldest_age_seconds")).toBe(1.5);
    expect(sampleOf(before, 'gateway_provider_breaker{provider="twilio",channel="sms"}')).toBe(2);
    expect(sampleOf(before, 'gateway_provider_breaker{provider="smtp",channel="email"}')).toBe(0);
    depth = 0;
    oldestAgeMs = null;
    const after = await metrics.text();
    expect(sampleOf(after, "gateway_queue_depth")).toBe(0);
    expect(sampleOf(after, "gateway_queue_oldest_age_seconds")).toBe(0);
  });

  it("are there while the database is not, and do not pretend to know the queue", async () => {
    const metrics = createMetrics();
    metrics.observe({
      isStoreUp: async () => false,
      queue: () => Promise.reject(new Error("the database is away")),
      breakers: () => [],
    });
    const text = await metrics.text();
    expect(sampleOf(text, "gateway_queue_depth")).toBeNaN();
    expect(sampleOf(text, "gateway_queue_oldest_age_seconds")).toBeNaN();
    expect(sampleOf(text, "gateway_store_up")).toBe(0);
    expect(text).not.toContain("gateway_limiter_up");
    expect(text).toContain("process_cpu_user_seconds_total");
  });

  it("tell when the last sweep ended", async () => {
    const metrics = createMetrics();
    expect(sampleOf(await metrics.text(), "gateway_last_sweep_timestamp_seconds")).toBe(0);
    const before = Date.now() / 1000;
    metrics.swept({ forgotten: { guesses: 3 }, expiredVerifications: 0 });
    const text = await metrics.text();
    expect(sampleOf(text, "gateway_last_sweep_timestamp_seconds")).toBeGreaterThanOrEqual(before - 1);
    expect(sampleOf(text, 'gateway_swept_rows_total{kind="guesses"}')).toBe(3);
  });

  it("hold no address and no id, whatever else a message carries", async () => {
    const metrics = createMetrics();
    const secret = { to: "+573001234567", id: "msg_01", text: "123456 es tu clave", userName: "Ana" };
    metrics.messageMoved({ lane: "otp", channel: "sms", provider: "simulation", state: "sent", ...secret });
    metrics.answered({ method: "GET", route: "/v1/limits/:phone", status: 200, ms: 1, ...secret });
    const text = await metrics.text();
    expect(text).toContain("gateway_messages_total");
    for (const value of ["3001234567", "msg_01", "123456", "Ana"]) expect(text).not.toContain(value);
  });

  it("are written in the text format of Prometheus", async () => {
    const metrics = createMetrics();
    expect(metrics.contentType).toMatch(/^text\/plain; version=0\.0\.4/);
    const text = await metrics.text();
    expect(text).toMatch(/^# HELP /);
    expect(text).toContain("process_cpu_user_seconds_total");
  });
});
