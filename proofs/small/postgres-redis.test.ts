import { playRows } from "./play-rows.ts";

playRows("postgres+redis");
