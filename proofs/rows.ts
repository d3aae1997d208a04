import type { Row } from "./row.ts";
import { r01 } from "./rows/r-01.ts";
import { r02 } from "./rows/r-02.ts";
import { r03 } from "./rows/r-03.ts";
import { r04 } from "./rows/r-04.ts";
import { r07 } from "./rows/r-07.ts";
import { r08 } from "./rows/r-08.ts";
import { r10 } from "./rows/r-10.ts";
import { r11 } from "./rows/r-11.ts";
import { r12 } from "./rows/r-12.ts";
import { r20 } from "./rows/r-20.ts";
import { r22 } from "./rows/r-22.ts";
import { s01 } from "./rows/s-01.ts";
import { s01b } from "./rows/s-01b.ts";
import { s02 } from "./rows/s-02.ts";
import { s02b } from "./rows/s-02b.ts";
import { s03 } from "./rows/s-03.ts";
import { s06 } from "./rows/s-06.ts";
import { s08 } from "./rows/s-08.ts";
import { s09 } from "./rows/s-09.ts";
import { s16 } from "./rows/s-16.ts";
import { s17 } from "./rows/s-17.ts";
import { s18 } from "./rows/s-18.ts";
import { s19 } from "./rows/s-19.ts";
import { s28 } from "./rows/s-28.ts";

const SECURITY: readonly Row[] = [s01, s01b, s02, s02b, s03, s06, s08, s09, s16, s17, s18, s19, s28];
const RELIABILITY: readonly Row[] = [r01, r02, r03, r04, r07, r08, r10, r11, r12, r20, r22];

/** Every row there is, in the order of the report. */
export const ROWS: readonly Row[] = [...SECURITY, ...RELIABILITY];
