import { createLogger, type Logger } from '@cert-tasks/telemetry';

/** A logger whose lines are kept. */
export interface TestLog {
  readonly log: Logger;
  /** One JSON text each. */
  readonly lines: readonly string[];
}

/** Makes a logger for tests: everything from debug on, nowhere but in `lines`. */
export function testLog(): TestLog {
  const lines: string[] = [];
  const destination = { write: (line: string): void => void lines.push(line) };
  return { log: createLogger({ service: 'test', level: 'debug', destination }), lines };
}
