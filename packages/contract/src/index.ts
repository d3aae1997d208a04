export * from "./auth-api.ts";
export * from "./channels.ts";
export * from "./errors.ts";
export * from "./gateway-api.ts";
export * from "./problem.ts";
export * from "./webhook-api.ts";
