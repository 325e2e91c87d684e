import type { LoopObserver } from '@cert-tasks/lifecycle';

/** A {@link LoopObserver} that keeps what it is told. */
export interface RecordingObserver extends LoopObserver {
  readonly failures: readonly { readonly loop: string; readonly error: unknown }[];
}

/** Makes an observer of loops that keeps their failures. */
export function recordingObserver(): RecordingObserver {
  const failures: { loop: string; error: unknown }[] = [];
  return {
    failures,
    iteration: () => undefined,
    failure: (loop, error) => void failures.push({ loop, error }),
  };
}
