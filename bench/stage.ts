import type { Server } from "./engines/child.ts";
import { readDevelopmentKey, roleOf, startGateway } from "./engines/gateway.ts";
import { readCodes } from "./engines/inbox.ts";
import type { Home } from "./engines/servers.ts";
import type { Setup } from "./engines/setups.ts";
import type { LoadResult } from "./load/closed.ts";
import {
  checkTraffic,
  openSendTraffic,
  openVerifyTraffic,
  phonesFrom,
  sendTraffic,
  type Traffic,
} from "./load/traffic.ts";
import { drive, type Operation, type Settings, settle } from "./measure.ts";

/** A commit for each step is slow: a part of the requests is enough. */
const UNGROUPED_SHARE = 4;

/** The processes of one gateway, and what is sent to them. */
export interface Stage {
  readonly home: Home;
  readonly processes: readonly Server[];
  readonly connections: number;
  readonly requests: number;
  readonly warmUp: number;
  /** Without the grouping only these are measured. */
  readonly hasOpenFlow: boolean;
}

/** Drives the traffic of a measured operation. */
export type Act = (operation: Operation, traffic: Traffic) => Promise<LoadResult>;

export function toStage(
  setup: Setup,
  settings: Settings,
  { home, processes }: Pick<Stage, "home" | "processes">,
): Stage {
  const part = setup.isGrouped ? 1 : UNGROUPED_SHARE;
  return {
    home,
    processes,
    connections: settings.connections,
    requests: Math.ceil(settings.requests / part),
    warmUp: Math.ceil(settings.warmUp / part),
    hasOpenFlow: setup.isGrouped,
  };
}

export interface StartOptions {
  readonly home: Home;
  /** For the first of the processes alone. */
  readonly nodeOptions?: readonly string[];
}

/** Starts all processes of a setup. The schema and the secrets must be there. */
export async function startProcesses(
  setup: Setup,
  { home, nodeOptions = [] }: StartOptions,
): Promise<readonly Server[]> {
  const { processes, isGrouped } = setup;
  const started: Server[] = [];
  try {
    for (let place = 0; place < processes; place++) {
      const options = place === 0 ? nodeOptions : [];
      started.push(await startGateway({ home, role: roleOf(setup), isGrouped, nodeOptions: options }));
    }
    return started;
  } catch (error) {
    await stopProcesses(started);
    throw error;
  }
}

export async function stopProcesses(processes: readonly Server[]): Promise<void> {
  await Promise.all(processes.map(({ stop }) => stop()));
}

const warmDrive = ({ processes, connections }: Stage, traffic: Traffic): Promise<LoadResult> =>
  drive({ servers: processes, connections }, traffic);

export async function warmUpKeyed(stage: Stage): Promise<void> {
  const { home, warmUp, processes } = stage;
  const key = readDevelopmentKey(home);
  const phones = phonesFrom(0, warmUp);
  const sent = await warmDrive(stage, sendTraffic(phones, key));
  await settle(processes);
  await warmDrive(stage, checkTraffic(sent.answers, await readCodes(home.inbox, phones), key));
}

async function sendAndCheck({ home, warmUp, requests }: Stage, act: Act): Promise<void> {
  const key = readDevelopmentKey(home);
  const phones = phonesFrom(warmUp, requests);
  const sent = await act("send", sendTraffic(phones, key));
  await act("check", checkTraffic(sent.answers, await readCodes(home.inbox, phones), key));
}

/** Most of what the open flow runs is warm by then. */
async function sendAndVerifyOpenly(stage: Stage, act: Act): Promise<void> {
  const { home, warmUp, requests } = stage;
  const used = warmUp + requests;
  const early = phonesFrom(used, Math.ceil(warmUp / 4));
  const late = phonesFrom(used + early.length, requests);

  await warmDrive(stage, openSendTraffic(early));
  await warmDrive(stage, openVerifyTraffic(early, await readCodes(home.inbox, early)));
  await act("open send", openSendTraffic(late));
  await act("open verify", openVerifyTraffic(late, await readCodes(home.inbox, late)));
}

/** Runs the operations of a stage that is warm, one after the other. */
export async function runOperations(stage: Stage, act: Act): Promise<void> {
  await sendAndCheck(stage, act);
  if (stage.hasOpenFlow) await sendAndVerifyOpenly(stage, act);
}
