/** Loops that let others have their turn. */

/** Milliseconds for which a loop may keep timers and other sockets waiting. */
const LENGTH = 4;

/** `if (turn.over) await turn.next(signal);` */
export class Turn {
  readonly #breathe: () => Promise<void>;
  #start = performance.now();

  /** @param to what gives timers and sockets one turn */
  constructor(to: { breathe(): Promise<void> }) {
    this.#breathe = () => to.breathe();
  }

  /** Whether it has lasted long enough. */
  get over(): boolean {
    return performance.now() - this.#start > LENGTH;
  }

  /** Begins anew, after time that was not spent here. */
  renew(): void {
    this.#start = performance.now();
  }

  /** Lets others have theirs; throws the signal's reason if it has aborted by then. */
  async next(signal?: AbortSignal): Promise<void> {
    await this.#breathe();
    signal?.throwIfAborted();
    this.renew();
  }
}
