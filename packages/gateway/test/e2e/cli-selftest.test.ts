import { afterEach, describe, expect, it } from "vitest";
import { startCarrier } from "../carrier/carrier.ts";
import { runCli } from "../run-cli.ts";
import { startGateway, type TestGateway } from "../start-gateway.ts";

const SELFTEST_MS = 60_000;

interface Outcome {
  readonly ok: boolean;
  readonly steps: readonly {
    readonly chapter: string;
    readonly name: string;
    readonly state: string;
    readonly detail: string;
  }[];
}

let gateway: TestGateway | null = null;

afterEach(async () => {
  await gateway?.stop();
  gateway = null;
});

async function selftest({ url, apiKey, folder }: TestGateway, ...more: readonly string[]) {
  const run = await runCli(["selftest", "--json", "--url", url, "--key", apiKey, ...more], { env: {}, cwd: folder });
  return { exitCode: run.exitCode, ...run.json<Outcome>() };
}

const inState = ({ steps }: Outcome, state: string) => steps.filter((step) => step.state === state);

describe("selftest", () => {
  it(
    "passes against a gateway in simulation, also the second time",
    async () => {
      gateway = await startGateway();
      for (const _ of ["first", "second"]) {
        const outcome = await selftest(gateway);
        expect(outcome.steps.filter(({ state }) => state !== "pass")).toEqual([]);
        expect(outcome.exitCode).toBe(0);
        expect(outcome.steps.length).toBeGreaterThan(40);
      }
    },
    SELFTEST_MS,
  );

  it(
    "fails against a gateway whose limits are off, in every step that tries a limit",
    async () => {
      gateway = await startGateway({}, { isRateLimitingOn: false });
      const outcome = await selftest(gateway);
      expect(outcome.exitCode).toBe(1);
      expect(inState(outcome, "fail").map(({ chapter }) => chapter)).toEqual(["service", "limits", "limits", "limits"]);
    },
    SELFTEST_MS,
  );

  it("leaves out what costs money where SMS are real, and says so", async () => {
    const carrier = await startCarrier();
    try {
      gateway = await startGateway({
        ENVIRONMENT: "test",
        TWILIO_ACCOUNT_SID: carrier.account.accountSid,
        TWILIO_AUTH_TOKEN: carrier.account.authToken,
        TWILIO_FROM_NUMBER: carrier.account.from,
        TWILIO_API_BASE_URL: carrier.url,
      });
      const without = await selftest(gateway);
      expect(carrier.sent()).toHaveLength(0);
      expect(inState(without, "skip").map(({ detail }) => detail)).toContainEqual(expect.stringContaining("--to"));

      const outcome = await selftest(gateway, "--to", "300 123 4567");
      expect(inState(outcome, "fail")).toEqual([]);
      expect(outcome.exitCode).toBe(0);
      expect(carrier.sent().map(({ to }) => to)).toEqual(["+573001234567"]);
      expect(inState(outcome, "skip").map(({ chapter }) => chapter)).toEqual([
        "codes",
        "limits",
        "notifications",
        "outcomes",
      ]);
    } finally {
      await carrier.close();
    }
  });

  it("says what is missing when the key opens nothing", async () => {
    gateway = await startGateway();
    const { url, folder } = gateway;
    const run = await runCli(["selftest", "--url", url, "--key", "sk_wrong"], { env: {}, cwd: folder });
    expect(run).toMatchObject({ exitCode: 1, out: "", err: expect.stringContaining("GATEWAY_KEY") });
  });
});

describe("doctor beside a carrier", () => {
  it("tells an account that works from one that is refused", async () => {
    const carrier = await startCarrier();
    const { accountSid, authToken } = carrier.account;
    const doctor = async (token: string, from: string) => {
      const env = {
        ENVIRONMENT: "test",
        TWILIO_ACCOUNT_SID: accountSid,
        TWILIO_AUTH_TOKEN: token,
        TWILIO_FROM_NUMBER: from,
        TWILIO_API_BASE_URL: carrier.url,
      };
      gateway ??= await startGateway();
      const run = await runCli(["doctor", "--json"], { env, cwd: gateway.folder });
      const { checks } = run.json<{ checks: { id: string; state: string }[] }>();
      return Object.fromEntries(checks.map(({ id, state }) => [id, state]));
    };
    try {
      expect(await doctor(authToken, carrier.account.from)).toMatchObject({
        provider: "ok",
        sender: "ok",
        receipts: "warn",
      });
      expect(await doctor("a-wrong-token", "+573009999999")).toMatchObject({ provider: "fail", sender: "fail" });
    } finally {
      await carrier.close();
    }
  });
});
