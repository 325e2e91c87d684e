/** How a {@link SingleRun} starts and stops what it holds. */
export interface SingleRunOptions<Running> {
  /** Resolves with what runs. It rejects, leaving nothing behind, on failure and soon after the signal aborts. */
  readonly start: (signal: AbortSignal) => Promise<Running>;
  readonly stop: (running: Running) => Promise<void>;
}

/**
 * The start and stop rules of a Service for something that one call starts and another stops: a second start joins the
 * first, a stop during a start cuts it short, a start during a stop waits for its end.
 */
export class SingleRun<Running> {
  readonly #options: SingleRunOptions<Running>;
  #starting: Promise<Running> | undefined;
  #stopping: Promise<void> | undefined;
  #abort = new AbortController();
  #current: Running | undefined;

  constructor(options: SingleRunOptions<Running>) {
    this.#options = options;
  }

  /** What runs; undefined before start and after stop. */
  get current(): Running | undefined {
    return this.#current;
  }

  /** Starts it, or joins the start under way. @throws what the given start throws. */
  async start(): Promise<void> {
    while (this.#stopping !== undefined) await this.#stopping.catch(() => undefined);
    this.#starting ??= this.#begin();
    await this.#starting;
  }

  /** Stops it; safe when it never started. @throws what the given stop throws. */
  async stop(): Promise<void> {
    this.#stopping ??= this.#halt().finally(() => {
      this.#stopping = undefined;
    });
    await this.#stopping;
  }

  async #begin(): Promise<Running> {
    this.#abort = new AbortController();
    try {
      this.#current = await this.#options.start(this.#abort.signal);
      return this.#current;
    } catch (error) {
      this.#starting = undefined;
      throw error;
    }
  }

  async #halt(): Promise<void> {
    const starting = this.#starting;
    if (starting === undefined) return;
    this.#abort.abort(new Error('stopped while starting'));
    const running = await starting.catch(() => undefined);
    this.#starting = undefined;
    this.#current = undefined;
    if (running !== undefined) await this.#options.stop(running);
  }
}
