import type { Row } from "./row.ts";
import { r08 } from "./rows/r-08.ts";
import { s01 } from "./rows/s-01.ts";
import { s02 } from "./rows/s-02.ts";
import { s03 } from "./rows/s-03.ts";
import { s06 } from "./rows/s-06.ts";
import { s08 } from "./rows/s-08.ts";
import { s09 } from "./rows/s-09.ts";
import { s17 } from "./rows/s-17.ts";
import { s18 } from "./rows/s-18.ts";
import { s19 } from "./rows/s-19.ts";

/** Every row there is, in the order of the report. */
export const ROWS: readonly Row[] = [s01, s02, s03, s06, s08, s09, s17, s18, s19, r08];
