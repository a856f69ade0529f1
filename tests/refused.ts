import assert from "node:assert/strict";

/** What a test tells a function that its type forbids. */
// deno-lint-ignore no-explicit-any
export type Forbidden = any;

/** Asserts that a call, at once or by a rejection, is refused as misuse of what `name` names. */
export async function refused(name: string, call: () => unknown): Promise<void> {
  let result: unknown;
  try {
    result = await call();
  } catch (error) {
    const { code, message } = error as { code?: string; message: string };
    const misuse = error instanceof TypeError || error instanceof RangeError;
    assert.ok(misuse || code === "INVALID_CONFIG", String(error));
    assert.ok(message.startsWith(`Cannot use ${name}: `), `${name} is not named by: ${message}`);
    return;
  }
  assert.fail(`${name} was taken, result ${String(result)}`);
}
