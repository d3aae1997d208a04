import { playFaults } from "./play-rows.ts";

playFaults();
