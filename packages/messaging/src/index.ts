export type { NatsTarget } from './connection-options.ts';
export { EventConsumer, type EventConsumerOptions } from './event-consumer.ts';
export { type EventMessage, JetStreamPublisher, type JetStreamPublisherOptions } from './jetstream-publisher.ts';
export { MessagingError, type MessagingErrorCode } from './messaging-error.ts';
export { NatsConnection, type NatsConnectionOptions } from './nats-connection.ts';
export type { ReceivedEvent, UndecodableMessage } from './received-event.ts';
export { StreamOwner, type StreamOwnerOptions } from './stream-owner.ts';
export { eventStream, eventSubject, eventSubjects, hintSubject, sourceOfSubject } from './subjects.ts';
