import type { Server as HttpServer } from 'node:http';
import type { Http2Server } from 'node:http2';
import type { Socket } from 'node:net';

/** RFC 9113, section 3.4. No method of HTTP/1.1 begins like it, so a few bytes decide. */
const PREFACE = Buffer.from('PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n', 'latin1');
const DECISIVE_BYTES = 4;

/** Hands a plain-text connection to the HTTP/2 server or the HTTP/1.1 server, by its first bytes. */
export function splitByPreface(
  socket: Socket,
  { http1, http2, timeoutMs }: { http1: HttpServer; http2: Http2Server; timeoutMs: number },
): void {
  const timer = setTimeout(() => socket.destroy(), timeoutMs);
  const stop = (): void => clearTimeout(timer);
  socket.once('close', stop);

  let seen = Buffer.alloc(0);
  const onReadable = (): void => {
    const chunk: Buffer | null = socket.read();
    if (chunk === null) return;
    seen = Buffer.concat([seen, chunk]);
    const isPrefix = PREFACE.subarray(0, seen.length).equals(seen.subarray(0, PREFACE.length));
    if (isPrefix && seen.length < DECISIVE_BYTES) return;
    socket.off('readable', onReadable);
    socket.off('close', stop);
    stop();
    // Put back only now: bytes put back while this listener is on would raise the event again, without end.
    socket.unshift(seen);
    if (isPrefix) http2.emit('connection', socket);
    else http1.emit('connection', socket);
  };
  socket.on('readable', onReadable);
}
