/** One line of the bench's table. */
export interface BenchRow {
  readonly area: 'x509';
  readonly name: string;
  /** Median of several runs. */
  readonly value: number;
  readonly unit: string;
  readonly goal: number;
  /** The same by others, in the same run and unit. */
  readonly peers: Readonly<Record<string, number>>;
}

/** How long to measure. */
export interface Effort {
  /** Milliseconds to warm up, and of each run. */
  readonly warmUp: number;
  readonly run: number;
  /** Odd. */
  readonly runs: number;
}

export const FULL: Effort = { warmUp: 500, run: 1000, runs: 5 };
export const QUICK: Effort = { warmUp: 100, run: 200, runs: 3 };

/** Something to be done over and over, one at a time. */
export type Act = () => unknown;

/** Calls a second on one core: the median of several runs. Asynchronous acts are awaited one by one. */
export async function measure(act: Act, effort: Effort): Promise<number> {
  await runFor(act, effort.warmUp);
  const rates: number[] = [];
  for (let run = 0; run < effort.runs; run++) rates.push(await runFor(act, effort.run));
  rates.sort((a, b) => a - b);
  return Math.round(rates[(effort.runs - 1) / 2] ?? 0);
}

async function runFor(act: Act, milliseconds: number): Promise<number> {
  const start = performance.now();
  let [count, now] = [0, start];
  while (now - start < milliseconds) {
    for (let i = 0; i < 10; i++) {
      const pending = act();
      // An await where nothing is to be awaited would be measured too.
      if (pending instanceof Promise) await pending;
    }
    count += 10;
    now = performance.now();
  }
  return (count * 1000) / (now - start);
}
