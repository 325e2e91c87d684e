import type { Socket } from 'node:net';

/** The open connections of a listener, so that none outlives it. */
export class SocketSet {
  readonly #sockets = new Set<Socket>();
  #onEmpty: (() => void) | undefined;

  add(socket: Socket): void {
    this.#sockets.add(socket);
    // Whoever reads the socket meets its errors; here they only must not go unheard before somebody does.
    socket.on('error', () => socket.destroy());
    socket.once('close', () => {
      this.#sockets.delete(socket);
      if (this.#sockets.size === 0) this.#onEmpty?.();
    });
  }

  /** Resolves when all are closed, or after `ms`. */
  async endedWithin(ms: number): Promise<void> {
    if (this.#sockets.size === 0) return;
    await new Promise<void>((resolve) => {
      const timer = setTimeout(resolve, ms);
      this.#onEmpty = () => {
        clearTimeout(timer);
        resolve();
      };
    });
    this.#onEmpty = undefined;
  }

  destroyAll(): void {
    for (const socket of this.#sockets) socket.destroy();
  }
}
