import { CODES } from "./codes.ts";
import { type Chapter, type Kit, type Step, skip, type Verdict } from "./kit.ts";
import { LIMITS } from "./limits.ts";
import { NOTIFICATIONS } from "./notifications.ts";
import { OUTCOMES } from "./outcomes.ts";
import { PHONES } from "./phones.ts";
import { REAL_MESSAGE } from "./real-message.ts";
import { SERVICE } from "./service.ts";

const CHAPTERS: readonly Chapter[] = [SERVICE, PHONES, CODES, LIMITS, NOTIFICATIONS, OUTCOMES];

export interface SelftestLine extends Verdict {
  readonly chapter: string;
  readonly name: string;
}

async function runChapter({ title, steps, areSimultaneous = false }: Chapter, kit: Kit): Promise<SelftestLine[]> {
  const run = async (step: Step): Promise<SelftestLine> => ({
    chapter: title,
    name: step.name,
    ...(await step.run(kit)),
  });
  if (areSimultaneous) return Promise.all(steps.map(run));
  const lines: SelftestLine[] = [];
  for (const step of steps) lines.push(await run(step));
  return lines;
}

const leaveOut = ({ title, steps }: Chapter): SelftestLine[] => [
  { chapter: title, name: `${steps.length} steps`, ...skip("each would send real SMS, which cost money") },
];

/** Tries everything; with real credentials, what costs money is left out except for one SMS. */
export async function runSelftest(kit: Kit): Promise<readonly SelftestLine[]> {
  const lines: SelftestLine[] = [];
  for (const chapter of CHAPTERS) {
    const isLeftOut = chapter.isSending && !kit.status.simulation;
    lines.push(...(isLeftOut ? leaveOut(chapter) : await runChapter(chapter, kit)));
  }
  if (!kit.status.simulation) lines.push(...(await runChapter(REAL_MESSAGE, kit)));
  return lines;
}
