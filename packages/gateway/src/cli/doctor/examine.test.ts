import { describe, expect, it } from "vitest";
import { CHECKS, runChecks } from "./examine.ts";
import type { DoctorSettings, Finding, Machine } from "./machine.ts";

const NOW = Date.UTC(2026, 10, 1);

const SETTINGS: DoctorSettings = {
  environment: "production",
  isProduction: true,
  warnings: [],
  givenSecrets: [{ name: "OTP_SECRET", chars: 64 }],
  database: "/srv/data/gateway.db",
  sender: { from: ["+13105550100"] },
  allowedCountries: ["CO"],
  enabled: { sms: true, whatsapp: true, voice: true, email: true },
  publicUrl: "https://sms.shop.example",
  trustProxy: ["10.0.0.0/8"],
  corsOrigins: ["https://shop.example"],
  brand: "MeStore",
  webotpHost: "shop.example",
  codeLength: 6,
  codeLifeMinutes: 10,
  segmentPrice: null,
};

/** A machine on which all is well, but for what is given. */
const machine = (ills: Partial<Machine> = {}, settings: Partial<DoctorSettings> = {}): Machine => ({
  settings: { ...SETTINGS, ...settings },
  secretsFile: () => ({ kind: "unused" }),
  openStore: async () => ({ kind: "done", value: null }),
  measureFsyncMs: () => ({ kind: "done", value: 0.2 }),
  askLimiter: async () => ({ kind: "done", value: null }),
  servedBy: () => null,
  account: async () => ({ ok: true, detail: "the account is active" }),
  now: () => NOW,
  lastWriteAt: () => NOW - 1_000,
  ...ills,
});

const linesOf = (sick: Machine) => runChecks({ kind: "readable", machine: sick });

interface Illness {
  readonly what: string;
  readonly machine: Machine;
  readonly state: Finding["state"];
  readonly says: RegExp;
}

const ill = (what: string, sick: Machine, [state, says]: readonly [Finding["state"], RegExp]): Illness => ({
  what,
  machine: sick,
  state,
  says,
});

/** For each check, what turns it red. */
const ILLNESSES: Readonly<Record<string, readonly Illness[]>> = {
  secrets: [
    ill("others can read the file", machine({ secretsFile: () => ({ kind: "exposed", path: "/s", mode: "644" }) }), [
      "fail",
      /644/,
    ]),
    ill("the file is broken", machine({ secretsFile: () => ({ kind: "broken", path: "/s", problem: "is broken" }) }), [
      "fail",
      /is broken/,
    ]),
    ill("a secret is short", machine({}, { givenSecrets: [{ name: "OTP_SECRET", chars: 31 }] }), [
      "warn",
      /OTP_SECRET/,
    ]),
  ],
  store: [
    ill("the database does not open", machine({ openStore: async () => ({ kind: "failed", problem: "EACCES" }) }), [
      "fail",
      /EACCES/,
    ]),
  ],
  disk: [
    ill("nothing can be written", machine({ measureFsyncMs: () => ({ kind: "failed", problem: "EROFS" }) }), [
      "fail",
      /EROFS/,
    ]),
    ill("a commit takes 60 ms", machine({ measureFsyncMs: () => ({ kind: "done", value: 60 }) }), [
      "fail",
      /60\.00 ms/,
    ]),
    ill("a commit takes 5 ms", machine({ measureFsyncMs: () => ({ kind: "done", value: 5 }) }), ["warn", /5\.00 ms/]),
  ],
  limiter: [
    ill("Redis is down", machine({ askLimiter: async () => ({ kind: "failed", problem: "ECONNREFUSED" }) }), [
      "fail",
      /ECONNREFUSED/,
    ]),
  ],
  server: [ill("another process serves", machine({ servedBy: () => "process 7" }), ["info", /process 7/])],
  clock: [
    ill("the year is 1970", machine({ now: () => 0, lastWriteAt: () => null }), ["fail", /1970/]),
    ill("the clock was set back", machine({ lastWriteAt: () => NOW + 3_600_000 }), ["fail", /3600 s/]),
  ],
  provider: [
    ill("the account is refused", machine({ account: async () => ({ ok: false, detail: "refused" }) }), [
      "fail",
      /refused/,
    ]),
    ill("SMS are off", machine({}, { enabled: { ...SETTINGS.enabled, sms: false } }), ["info", /SMS_ENABLED/]),
  ],
  sender: [
    ill("the sender is Colombian", machine({}, { sender: { from: ["+573001234567"] } }), ["fail", /\+57/]),
    ill("the sender is a name", machine({}, { sender: { from: ["MeStore"] } }), ["fail", /alphanumeric/]),
  ],
  templates: [
    ill("the brand is not GSM-7", machine({}, { brand: "Мe" }), ["fail", /UCS-2/]),
    ill("brand and host are long", machine({}, { brand: "B".repeat(60), webotpHost: `${"h".repeat(50)}.example` }), [
      "fail",
      /2 × —/,
    ]),
  ],
  receipts: [
    ill("PUBLIC_URL is missing", machine({}, { publicUrl: undefined }), ["warn", /PUBLIC_URL/]),
    ill("PUBLIC_URL is not https", machine({}, { publicUrl: "http://sms.shop.example" }), ["warn", /not https/]),
  ],
  email: [
    ill("the mail server refuses", machine({ account: async () => ({ ok: false, detail: "535" }) }), ["fail", /535/]),
    ill("e-mail is off", machine({}, { enabled: { ...SETTINGS.enabled, email: false } }), [
      "info",
      /EMAIL_OTP_ENABLED/,
    ]),
  ],
  proxies: [
    ill("half the internet is believed", machine({}, { trustProxy: ["0.0.0.0/1", "10.0.0.1"] }), [
      "fail",
      /^0\.0\.0\.0\/1 /,
    ]),
    ill("nobody is believed behind TLS", machine({}, { trustProxy: [] }), ["warn", /one limit/]),
  ],
  webotp: [
    ill("codes belong to another host", machine({}, { webotpHost: "www.shop.example" }), [
      "warn",
      /www\.shop\.example/,
    ]),
  ],
};

describe("doctor", () => {
  it("is content with a machine on which all is well", async () => {
    const lines = await linesOf(machine());
    expect(lines.map(({ id }) => id)).toEqual(["configuration", ...CHECKS.map(({ id }) => id)]);
    expect(lines.filter(({ state }) => state !== "ok")).toEqual([]);
  });

  it("is content with a laptop in simulation", async () => {
    const laptop = { sender: null, publicUrl: undefined, trustProxy: [], webotpHost: undefined, isProduction: false };
    const lines = await linesOf(machine({ account: async () => null, lastWriteAt: () => null }, laptop));
    expect(lines.filter(({ state }) => state !== "ok")).toEqual([]);
  });

  it("has an illness here for every check", () => {
    expect(Object.keys(ILLNESSES).sort()).toEqual(CHECKS.map(({ id }) => id).sort());
  });

  for (const [id, illnesses] of Object.entries(ILLNESSES)) {
    it.each(illnesses)(`${id} turns red when $what, and says what to do`, async ({ machine: sick, state, says }) => {
      const line = (await linesOf(sick)).find((found) => found.id === id);
      expect(line).toMatchObject({ state, detail: expect.stringMatching(says) });
      if (state !== "info") expect(line?.advice).toMatch(/\w/);
    });
  }

  it("warns of each setting that starts but is doubtful", async () => {
    const doubtful = machine({}, { warnings: [{ name: "SMS_FOO", problem: "is not a setting" }] });
    expect((await linesOf(doubtful))[0]).toMatchObject({
      id: "configuration",
      state: "warn",
      detail: "SMS_FOO is not a setting",
    });
  });

  it("lists every problem of a configuration that cannot be used, and looks no further", async () => {
    const problems = [
      { name: "PORT", problem: "must be a port" },
      { name: "OTP_LENGTH", problem: "must be a whole number" },
    ];
    const lines = await runChecks({ kind: "misconfigured", problems });
    expect(lines).toMatchObject([
      { id: "configuration", state: "fail", detail: "PORT must be a port" },
      { id: "configuration", state: "fail", detail: "OTP_LENGTH must be a whole number" },
    ]);
  });

  it("takes a messaging service, a short code and a foreign number for senders", async () => {
    for (const sender of [{ messagingServiceSid: "MG1" }, { from: ["85432"] }, { from: ["+13105550100"] }]) {
      const line = (await linesOf(machine({}, { sender }))).find(({ id }) => id === "sender");
      expect(line?.state).toBe("ok");
    }
  });

  it("lets a country other than Colombia have a named sender", async () => {
    const lines = await linesOf(machine({}, { sender: { from: ["MeStore"] }, allowedCountries: ["ES"] }));
    expect(lines.find(({ id }) => id === "sender")?.state).toBe("ok");
  });
});
