import type { Lane } from "@mestore/sms-gateway-contract";

/** Sending stopped by an operator; null speaks of every lane or country. */
export interface Pause {
  readonly lane: Lane | null;
  readonly country: string | null;
  readonly since: number;
}

export interface PauseStore {
  addPause(pause: Pause): Promise<void>;
  /** Removes that one pause, or all of them. */
  removePauses(which: Pick<Pause, "lane" | "country"> | "all"): Promise<void>;
  listPauses(): Promise<readonly Pause[]>;
}
