import { AppError } from '@cert-tasks/kernel';

/** One setting that keeps a service from starting. */
export interface SettingProblem {
  /** The environment variable. */
  readonly name: string;
  /** What is wrong and what is expected, as a sentence that follows the name. Never the value. */
  readonly problem: string;
}

/** `invalid-settings`: the environment does not describe a service that may run. */
export type ConfigErrorCode = 'invalid-settings';

/** Raised by {@link EnvReader.finish}: all that is wrong at once, a line for each variable. */
export class ConfigError extends AppError<ConfigErrorCode> {
  /** In the order of reading, unknown variables last. */
  readonly problems: readonly SettingProblem[];

  constructor(problems: readonly SettingProblem[]) {
    const lines = problems.map(({ name, problem }) => `  ${name}: ${problem}`);
    super('invalid-settings', `Set these environment variables right, then start again:\n${lines.join('\n')}`);
    this.problems = problems;
  }
}
