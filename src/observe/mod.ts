/**
 * What watches pools, built on the one `Observer` interface of the core.
 *
 * @module
 */

export { type Logger, logObserver } from "./log.ts";
