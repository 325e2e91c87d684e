import { isIP, type Server } from 'node:net';
import { ListenerError } from './listener-error.ts';

/** Whether nobody but this machine can reach a listener on that host. */
export function isLoopback(host: string): boolean {
  if (host === 'localhost' || host === '::1') return true;
  return isIP(host) === 4 && host.startsWith('127.');
}

/** Binds a server. @throws ListenerError `address-in-use` or `cannot-listen`. */
export function listenOn(server: Server, where: { host: string; port: number; name: string }): Promise<void> {
  const { host, port, name } = where;
  return new Promise((resolve, reject) => {
    const onError = (cause: Error): void => {
      const inUse = 'code' in cause && cause.code === 'EADDRINUSE';
      const problem = inUse
        ? `port ${port} of ${host} is in use. Stop what uses it, or choose another port`
        : `it cannot listen on ${host}, port ${port}. Check the address and the rights of this process`;
      reject(new ListenerError(inUse ? 'address-in-use' : 'cannot-listen', `The ${name}: ${problem}.`, { cause }));
    };
    server.once('error', onError);
    server.listen({ host, port }, () => {
      server.off('error', onError);
      resolve();
    });
  });
}
