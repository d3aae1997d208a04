import { defineConfig } from "vitest/config";

export default defineConfig({
  test: {
    include: ["packages/*/{src,test}/**/*.test.ts", "proofs/**/*.test.ts"],
    allowOnly: false,
    testTimeout: 15_000,
    hookTimeout: 15_000,
  },
});
