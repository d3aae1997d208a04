import { playRows } from "./play-rows.ts";

playRows("sqlite");
