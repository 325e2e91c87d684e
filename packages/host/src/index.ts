export {
  createHost,
  type Host,
  type HostedParts,
  type HostedService,
  type HostOptions,
  type HostOverrides,
} from './create-host.ts';
export { type EventOrigin, eventActor, eventOrigin } from './event-fields.ts';
export {
  type HostConfig,
  type ListenerAddress,
  readHostConfig,
  type ServiceName,
  type SettingsPrefix,
  type TransportFiles,
} from './host-config.ts';
export { HostError, type HostErrorCode } from './host-error.ts';
export { type RunServiceOptions, runService } from './run-service.ts';
