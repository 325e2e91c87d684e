import type { ServerHttp2Session } from 'node:http2';

/** Closes an HTTP/2 connection that has carried nothing for that long; calls under way may end first. */
export function closeSessionWhenIdle(session: ServerHttp2Session, idleMs: number): void {
  let openStreams = 0;
  session.on('stream', (stream) => {
    openStreams += 1;
    stream.once('close', () => {
      openStreams -= 1;
    });
  });
  session.setTimeout(idleMs, () => {
    // A quiet stream (a long poll, a watch) is not an idle connection; its own deadline or its caller ends it.
    if (openStreams === 0) session.close();
  });
}
