import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { pin, SERVER_CORE } from "../engines/pin.ts";
import type { Servers } from "../engines/servers.ts";
import type { Setup } from "../engines/setups.ts";
import type { LoadResult } from "../load/closed.ts";
import type { Traffic } from "../load/traffic.ts";
import { drive, isSend, type Operation, type Settings, settle } from "../measure.ts";
import { runOperations, startProcesses, stopProcesses, toStage, warmUpKeyed } from "../stage.ts";
import { createStatementCosts, type StatementCost } from "./statement-costs.ts";

/** When an operation ran, on the machine's steady clock. */
export interface Span {
  readonly operation: Operation;
  /** That the profiled process answered. */
  readonly requests: number;
  readonly fromMicroseconds: number;
  readonly toMicroseconds: number;
  /** What the database did meanwhile, for all processes; empty where nobody counts. */
  readonly statements: readonly StatementCost[];
}

const steadyMicroseconds = (): number => Number(process.hrtime.bigint() / 1_000n);

function readProfile(folder: string): string {
  const file = readdirSync(folder).find((name) => name.endsWith(".cpuprofile"));
  if (file === undefined) throw new Error("the gateway wrote no profile");
  return readFileSync(join(folder, file), "utf8");
}

/**
 * Runs the operations of a gateway whose first process profiles itself.
 *
 * @returns the spans, and the profile as the process wrote it at its end
 */
export async function recordProfile(
  setup: Setup,
  settings: Settings,
  servers: Servers,
): Promise<{ readonly spans: readonly Span[]; readonly profile: string }> {
  const home = await servers.makeHome(setup.engine);
  const spans: Span[] = [];
  try {
    const { folder } = home;
    const nodeOptions = ["--cpu-prof", "--cpu-prof-interval=250", `--cpu-prof-dir=${folder}`];
    const costs = await createStatementCosts(home.adminUrl);
    const processes = await startProcesses(setup, { home, nodeOptions });
    try {
      if (settings.isPinned) for (const { pid } of processes) pin(pid, SERVER_CORE);
      const act = async (operation: Operation, traffic: Traffic): Promise<LoadResult> => {
        await costs.reset();
        const fromMicroseconds = steadyMicroseconds();
        const result = await drive({ servers: processes, connections: settings.connections }, traffic);
        if (isSend(operation)) await settle(processes);
        const toMicroseconds = steadyMicroseconds();
        const requests = traffic.requests.length / processes.length;
        const statements = await costs.read(traffic.requests.length);
        spans.push({ operation, requests, fromMicroseconds, toMicroseconds, statements });
        return result;
      };
      const stage = toStage(setup, settings, { home, processes });
      await warmUpKeyed(stage);
      await runOperations(stage, act);
    } finally {
      await stopProcesses(processes);
      await costs.close();
    }
    return { spans, profile: readProfile(folder) };
  } finally {
    await home.remove();
  }
}
