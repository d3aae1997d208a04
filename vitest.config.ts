import { availableParallelism } from "node:os";
import { defineConfig } from "vitest/config";
import { BaseSequencer, type TestSpecification } from "vitest/node";

/** Files at once. Never one alone, which is the default on two cores: servers and processes are waited for most of the time. */
const WORKERS = Math.max(2, availableParallelism() - 1);

/** The HTTP surfaces: everything in them holds on every engine, so they run once on each. */
const HTTP_SUITE = [
  "auth",
  "email",
  "errors",
  "fallback",
  "gateway",
  "gateway-delivery",
  "hardening",
  "inbound",
  "receipts",
  "voice",
  "webhooks",
].map((name) => `packages/gateway/test/e2e/${name}.test.ts`);

/** A run of the HTTP suite on servers that others share with it. */
const onEngine = (engine: "postgres" | "postgres+redis") => ({
  extends: true as const,
  test: { name: engine, include: HTTP_SUITE, provide: { engine } },
});

/** The proofs are the longest files: whichever of them starts last is waited for by all. */
class ProofsFirst extends BaseSequencer {
  override async sort(files: TestSpecification[]): Promise<TestSpecification[]> {
    const isProof = ({ moduleId }: TestSpecification): boolean => moduleId.includes("/proofs/");
    const sorted = await super.sort(files);
    return [...sorted.filter(isProof), ...sorted.filter((file) => !isProof(file))];
  }
}

export default defineConfig({
  test: {
    sequence: { sequencer: ProofsFirst },
    allowOnly: false,
    maxWorkers: WORKERS,
    globalSetup: ["packages/gateway/test/servers/global-setup.ts"],
    testTimeout: 15_000,
    hookTimeout: 15_000,
    projects: [
      {
        extends: true,
        test: {
          name: "sqlite",
          include: ["packages/*/{src,test}/**/*.test.ts", "proofs/**/*.test.ts"],
          provide: { engine: "sqlite" },
        },
      },
      onEngine("postgres"),
      onEngine("postgres+redis"),
    ],
  },
});
