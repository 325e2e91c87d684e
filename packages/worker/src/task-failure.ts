import { AppError } from '@cert-tasks/kernel';

/** What {@link TaskFailure} says. All of it stands in the task's history: no secrets. */
export interface TaskFailureOptions {
  /** A machine-readable word in capitals, at most 63 characters: `SIGNER_UNAVAILABLE`. */
  readonly reason: string;
  /** For a person, at most 2,048 characters. */
  readonly message: string;
  /** True where no retry can help. Default false. */
  readonly final?: boolean;
  readonly cause?: unknown;
}

const REASON = /^[A-Z][A-Z0-9_]{0,62}$/;

/** Thrown by a handler to say how its attempt ended badly. */
export class TaskFailure extends AppError<'task-failure'> {
  readonly reason: string;
  readonly final: boolean;

  /** @throws TypeError when the reason is not a word in capitals. */
  constructor({ reason, message, final = false, cause }: TaskFailureOptions) {
    if (!REASON.test(reason)) throw new TypeError(`A failure's reason is a word in capitals, not "${reason}".`);
    super('task-failure', message, { cause });
    this.reason = reason;
    this.final = final;
  }
}
