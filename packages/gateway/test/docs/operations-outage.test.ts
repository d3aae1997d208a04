import { afterEach, describe, expect, it, vi } from "vitest";
import { newPhone } from "../e2e/phones.ts";
import { findFreePort } from "../servers/free-port.ts";
import { freshDatabase } from "../servers/fresh.ts";
import { startPostgres } from "../servers/postgres.ts";
import { startRedis } from "../servers/redis.ts";
import {
  checkCode,
  createOperatorMachine,
  makeSecrets,
  type OperatorMachine,
  type Served,
  sendCode,
} from "./operator.ts";

const TEST_MS = 60_000;
/** More than any wait of ours for a server that is silent. */
const TURNS_WITHIN_MS = 15_000;

const statusOf = async ({ running }: Served, path: string): Promise<number> =>
  (await fetch(`${running.url}${path}`)).status;

const turnsTo = (gateway: Served, status: number): Promise<void> =>
  vi.waitFor(async () => expect(await statusOf(gateway, "/readyz")).toBe(status), {
    timeout: TURNS_WITHIN_MS,
    interval: 100,
  });

const send = ({ client }: Served) => client.startVerification({ to: newPhone(), channel: "sms" });

describe("the runbook of docs/operations.md", () => {
  const machines: OperatorMachine[] = [];
  const newMachine = (): OperatorMachine => {
    const machine = createOperatorMachine();
    machines.push(machine);
    return machine;
  };
  afterEach(async () => {
    await Promise.all(machines.splice(0).map((machine) => machine.remove()));
  });

  it(
    "database down: refuses, shows its metrics, and comes back by itself",
    async () => {
      const machine = newMachine();
      const server = await startPostgres();
      const metricsPort = await findFreePort();
      const env = { ...makeSecrets(), DATABASE_URL: server.url };
      try {
        const gateway = await machine.start({ ...env, METRICS_PORT: String(metricsPort) });
        const live = await sendCode(gateway, newPhone());
        await server.kill();
        await turnsTo(gateway, 503);
        expect(await statusOf(gateway, "/livez")).toBe(200);
        expect(await send(gateway)).toMatchObject({ ok: false, status: 503 });
        expect(await checkCode(gateway, live)).toBe("service_unavailable");
        const scraped = await fetch(`http://127.0.0.1:${metricsPort}/metrics`);
        expect(scraped.status).toBe(200);
        const metrics = await scraped.text();
        expect(metrics).toMatch(/^gateway_queue_depth Nan$/m);
        expect(metrics).toMatch(
          /^gateway_http_request_duration_seconds_count\{.*route="\/readyz",status="503"\} [1-9]/m,
        );
        await expect(machine.start(env)).rejects.toThrow("out of reach");
        expect(await machine.run("sms-gateway doctor || true", env)).toMatch(/FAIL +store/);
        await server.start();
        await turnsTo(gateway, 200);
        expect(await checkCode(gateway, live)).toBe("approved");
        expect(await send(gateway)).toMatchObject({ ok: true });
      } finally {
        await machine.remove();
        await server.stop();
      }
    },
    TEST_MS,
  );

  it(
    "Redis down: sends are refused and checks are not; without REDIS_URL the database keeps the limits",
    async () => {
      const machine = newMachine();
      const database = await freshDatabase();
      const redis = await startRedis();
      const env = { ...makeSecrets(), DATABASE_URL: database.url };
      try {
        const gateway = await machine.start({ ...env, REDIS_URL: redis.url });
        const [phone, other] = [newPhone(), newPhone()];
        const live = await sendCode(gateway, phone);
        const later = await sendCode(gateway, other);
        await redis.kill();
        expect(await statusOf(gateway, "/readyz"), "checks go on").toBe(200);
        expect(await send(gateway)).toMatchObject({ ok: false, status: 503 });
        expect(await checkCode(gateway, live)).toBe("approved");
        const doctor = await machine.run("sms-gateway doctor || true", { ...env, REDIS_URL: redis.url });
        expect(doctor).toMatch(/FAIL +limiter/);

        const without = await machine.start(env);
        expect(await statusOf(without, "/readyz")).toBe(200);
        const again = await without.client.startVerification({ to: other, channel: "sms" });
        expect(again).toMatchObject({ ok: false, status: 429, error: { code: "cooldown" } });
        expect(await checkCode(without, later)).toBe("approved");
        expect(await send(without)).toMatchObject({ ok: true });

        await redis.restart();
        await vi.waitFor(async () => expect(await send(gateway)).toMatchObject({ ok: true }), 10_000);
      } finally {
        await machine.remove();
        await Promise.all([database.drop(), redis.stop()]);
      }
    },
    TEST_MS,
  );
});
