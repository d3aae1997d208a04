import { freePort, type Server } from "../engines/child.ts";
import { type Role, startGateway } from "../engines/gateway.ts";
import type { Home } from "../engines/servers.ts";
import { type Engine, hasPostgres } from "../engines/setups.ts";

const ERROR_LEVEL = 50;

/** One process of the gateway. */
export interface Member extends Server {
  readonly name: string;
  readonly metricsPort: number;
  readonly answers: boolean;
}

const PLACES: readonly { readonly name: string; readonly role: Role }[] = [
  { name: "api 1", role: "api" },
  { name: "api 2", role: "api" },
  { name: "worker", role: "worker" },
];

/** What a process says that it should not: its errors in the log, and warnings of Node. */
function toComplaint(line: string): string | null {
  if (line.startsWith("(node:")) return line;
  if (!line.startsWith('{"level":')) return null;
  const entry = JSON.parse(line) as { readonly level: number };
  return entry.level >= ERROR_LEVEL ? line : null;
}

/**
 * Starts all processes, the first one alone: it makes the secrets and the schema.
 *
 * @param onComplaint hears what a process says that it should not
 */
export async function startCluster(
  engine: Engine,
  home: Home,
  onComplaint: (name: string, said: string) => void,
): Promise<readonly Member[]> {
  const members: Member[] = [];
  try {
    for (const { name, role } of hasPostgres(engine) ? PLACES : [{ name: "all", role: "all" as const }]) {
      const metricsPort = await freePort();
      // A number may be sent to again at once: resends are part of the load.
      const env = { METRICS_PORT: String(metricsPort), LOG_LEVEL: "warn", OTP_COOLDOWN_SECONDS: "0" };
      const onLine = (line: string): void => {
        const complaint = toComplaint(line);
        if (complaint !== null) onComplaint(name, complaint);
      };
      const server = await startGateway({ home, role, env, onLine });
      members.push({ ...server, name, metricsPort, answers: role !== "worker" });
    }
    return members;
  } catch (error) {
    await stopCluster(members);
    throw error;
  }
}

export async function stopCluster(members: readonly Member[]): Promise<void> {
  await Promise.all(members.map(({ stop }) => stop()));
}
