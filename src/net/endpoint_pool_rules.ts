import {
  assertOptions,
  callable,
  keyedRules,
  kind,
  methods,
  poolRules,
  type Rule,
} from "../pool/rules.ts";
import type { EndpointPoolOptions } from "./endpoint_pool_options.ts";
import { delay, socketRules, tlsRules } from "./rules.ts";

const hooks = methods(["init"], ["onAcquire", "onRelease", "isHealthy", "onClose"]);
const access = kind(
  '"exclusive" or an object with shared',
  (value) => value === "exclusive" || typeof value === "object" && value !== null,
);

const protocol: Rule = (label, value) => {
  hooks(label, value);
  const { access: who = "exclusive" } = value as { access?: unknown };
  access(`${label}.access`, who);
  if (who === "exclusive") return;
  poolRules.maxSize(`${label}.access.shared`, (who as { shared?: unknown }).shared);
};

/** What the options of an endpoint pool must be. */
export const endpointPoolRules: Readonly<Record<keyof EndpointPoolOptions, Rule>> = {
  maxPerEndpoint: poolRules.maxSize,
  maxTotal: keyedRules.maxTotal,
  minIdle: poolRules.minIdle,
  maxWaiting: poolRules.maxWaiting,
  maxUses: poolRules.maxUses,
  acquireTimeout: poolRules.acquireTimeout,
  connectTimeout: delay,
  connectRetries: poolRules.createRetries,
  connectRetryDelay: poolRules.createRetryDelay,
  connectRetryMaxDelay: poolRules.createRetryMaxDelay,
  initTimeout: poolRules.createTimeout,
  destroyTimeout: poolRules.destroyTimeout,
  idleTimeout: poolRules.idleTimeout,
  maxLifetime: poolRules.maxLifetime,
  forgetAfter: poolRules.idleTimeout,
  checkAfter: poolRules.checkAfter,
  checkTimeout: poolRules.checkTimeout,
  leakAfter: poolRules.leakAfter,
  ageAfter: poolRules.ageAfter,
  order: poolRules.order,
  maintenance: poolRules.maintenance,
  maintenanceInterval: poolRules.maintenanceInterval,
  tls: (label, value) => {
    if (typeof value !== "function") assertOptions("TLS", value, tlsRules, `${label}.`);
  },
  connect: (label, value) => assertOptions("connect", value, socketRules, `${label}.`),
  protocol,
  healthCheck: callable,
  observer: poolRules.observer,
  onCreated: callable,
  onClosed: callable,
  onReused: callable,
  onError: callable,
  clock: poolRules.clock,
};
