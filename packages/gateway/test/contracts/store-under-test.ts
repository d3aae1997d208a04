import { afterEach, beforeEach } from "vitest";
import type { Store } from "../../src/ports/store.ts";
import type { OpenStore } from "./store-fixtures.ts";

/** Opens a store before each test of a group and closes it afterwards. */
export function useStore(open: OpenStore): () => Store {
  let current: Store | undefined;
  beforeEach(async () => {
    current = await open();
  });
  afterEach(async () => {
    await current?.close().catch(() => undefined);
    current = undefined;
  });
  return () => {
    if (current === undefined) throw new Error("the store is opened by each test");
    return current;
  };
}
