/** Waits for what closes. When the signal aborts, `force` ends what is left of it. */
export async function draining(
  closing: Promise<unknown>,
  signal: AbortSignal | undefined,
  force: () => void,
): Promise<void> {
  if (signal?.aborted) force();
  signal?.addEventListener("abort", force, { once: true });
  await closing;
  signal?.removeEventListener("abort", force);
}
